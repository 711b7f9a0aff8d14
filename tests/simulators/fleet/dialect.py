"""How the two kinds of device speak, from the product's README and the vendor's page 1081/39359. Pure."""

import base64
import hmac
import json
from random import Random
from typing import Any, NamedTuple, Protocol

from tests.simulators.fleet.device import Device
from tests.simulators.fleet.device import Dialect as Name
from tests.simulators.fleet.saying import DEFAULT_MODULE, Saying, Word

FAR_FUTURE = 7_559_008_892  # unix seconds, beyond 32 bits
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Login(NamedTuple):
    """What stands in CONNECT."""

    client_id: str
    username: str
    password: str


class Dialect(Protocol):
    """A way of speaking."""

    #: Whether a version report is answered.
    has_answers: bool

    def login(self, device: Device, dice: Random) -> Login:
        """Return what the device logs in with."""
        ...

    def up(self, device: Device) -> str:
        """Return the topic of its reports."""
        ...

    def down(self, device: Device) -> str:
        """Return the topic that it subscribes to."""
        ...

    def phrase(self, saying: Saying) -> bytes:
        """Return the payload of a report."""
        ...

    def is_answer(self, payload: bytes) -> bool:
        """Say whether this answers a version report."""
        ...


class Plain:
    """The product's own dialect."""

    has_answers = False

    def login(self, device: Device, dice: Random) -> Login:
        """Log in by name and secret; the client id is free."""
        return Login(f"{device.product}-{device.name}", device.address, device.secret)

    def up(self, device: Device) -> str:
        """Return the topic of its reports."""
        return f"ota/{device.address}/report"

    def down(self, device: Device) -> str:
        """Return the topic of its commands."""
        return f"ota/{device.address}/command"

    def phrase(self, saying: Saying) -> bytes:
        """Return the payload of a report."""
        if saying.word is Word.VERSION:
            return _json({"type": "version", "version": saying.version} | _condition(saying))
        state = {Word.DONE: "succeeded"}.get(saying.word, saying.word.value)
        said: dict[str, Any] = {"type": "state", "version": saying.version, "state": state}
        if saying.percent is not None:
            said["percent"] = saying.percent
        if saying.failure is not None:
            said |= {"phase": saying.failure.phase, "reason": saying.failure.reason}
            if saying.failure.text:
                said["detail"] = saying.failure.text
        return _json(said | _module(saying, "module"))

    def is_answer(self, payload: bytes) -> bool:
        """Say no: a version report has no answer."""
        return False


_WORDS = {
    Word.DOWNLOADING: "downloading",
    Word.DOWNLOADED: "downloading",
    Word.INSTALLING: "burning",
    Word.DONE: "done",
    Word.FAILED: "fail",
}


class Tencent:
    """The dialect of the vendor's SDKs."""

    has_answers = True

    def login(self, device: Device, dice: Random) -> Login:
        """Sign the username with the device's key."""
        client_id = f"{device.product}{device.name}"
        connection = "".join(dice.choices(ALPHABET, k=5))
        username = f"{client_id};12010126;{connection};{FAR_FUTURE}"
        signature = hmac.digest(base64.b64decode(device.secret), username.encode(), "sha256").hex()
        return Login(client_id, username, f"{signature};hmacsha256")

    def up(self, device: Device) -> str:
        """Return the topic of its reports."""
        return f"$ota/report/{device.address}"

    def down(self, device: Device) -> str:
        """Return the topic of answers and updates."""
        return f"$ota/update/{device.address}"

    def phrase(self, saying: Saying) -> bytes:
        """Return the payload of a report; upstream, percent and result_code are strings."""
        if saying.word is Word.VERSION:
            report = {"version": saying.version} | _module(saying, "fw_type")
            return _json({"type": "report_version", "report": report})
        progress = {"state": _WORDS[saying.word], "result_code": "0", "result_msg": ""}
        if saying.word is Word.DOWNLOADED:
            progress["percent"] = "100"
        elif saying.percent is not None:
            progress["percent"] = str(saying.percent)
        if saying.failure is not None:
            progress |= {"result_code": str(saying.failure.tencent), "result_msg": saying.failure.text}
        told = {"progress": progress, "version": saying.version} | _module(saying, "fw_type")
        return _json({"type": "report_progress", "report": told})

    def is_answer(self, payload: bytes) -> bool:
        """Recognise report_version_rsp; downstream, result_code is a number."""
        try:
            heard = json.loads(payload)
        except ValueError:
            return False
        return isinstance(heard, dict) and (heard.get("type"), heard.get("result_code")) == (
            "report_version_rsp",
            0,
        )


DIALECTS: dict[Name, Dialect] = {"plain": Plain(), "tencent": Tencent()}


def _module(saying: Saying, field: str) -> dict[str, str]:
    return {} if saying.module == DEFAULT_MODULE else {field: saying.module}


def _condition(saying: Saying) -> dict[str, Any]:
    said = {"battery": saying.battery, "signal": saying.signal}
    return _module(saying, "module") | {name: value for name, value in said.items() if value is not None}


def _json(said: dict[str, Any]) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode()
