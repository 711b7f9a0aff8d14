"""What clouds answer and push: an answer, or the one error that each reader declares."""

import hashlib
import json
from typing import Any

from adapters.onenet import images, push, views
from adapters.onenet import wire as onenet
from adapters.onenet.channel import Answer, read_answer
from adapters.onenet.offers import Address, read_task
from adapters.tencent import replies, tasks
from adapters.tencent import wire as tencent
from adapters.tencent.account import error_of
from adapters.tencent.credentials import read_login, read_token
from gateway.errors import CloudError
from gateway.model.firmware import unsigned
from gateway.model.identity import DeviceId, Module, Version
from gateway.ports.cloud import Answer as HttpAnswer
from gateway.ports.cloud import PushRequest
from tests.fire.fuzz.target import Target, as_json
from tests.vectors import load

TENCENT, ONENET = load("tencent"), load("onenet")
DEVICE, MODULE = DeviceId("P", "d"), Module("default")
TOKEN, UID = "push-token-001", "42"


def tencent_reply(data: bytes) -> None:
    """Either envelope; a failure has an act, and an offer, a standing and a login are read or refused."""
    try:
        answer = replies.read_reply(data, "r")
    except replies.MisshapenError:
        return
    if isinstance(answer, replies.Failure):
        error = error_of(answer)
        assert str(error).encode()
        assert replies.unhidden(answer.code, answer.text).code
        return
    standing = tasks.read_standing(answer)
    assert standing.percent is None or 0 <= standing.percent <= 100
    assert len(standing.view(MODULE).raw) <= tasks.MAX_RAW
    tasks.read_details(answer, {"mcu": "controller"})
    for read in (tasks.read_offer, read_login):
        try:
            read(answer)
        except replies.MisshapenError:
            continue


def tencent_token(data: bytes) -> None:
    """A token source is a token, whatever it holds."""
    token = read_token(data.decode("utf-8", "replace"))
    assert token.value == token.value.strip() or token.expires is not None or data[:1] in b"{ \t\r\n"


def onenet_answer(data: bytes) -> None:
    """Either generation's answer, the task in it, and where it stands."""
    answer = read_answer(data)
    if answer is None:
        return
    assert isinstance(answer.errno, int)
    _task(answer)


def _task(answer: Answer) -> None:
    task = read_task(answer.data, 0.0)
    seen = views.view(answer, task, module=MODULE, running=Version("1.0"))
    assert seen is None or len(seen.raw) <= views.MAX_RAW
    if task is None:
        return
    assert 0 < task.pause < 2**53
    for kind in ("1", "2"):
        order = task.order(DEVICE, MODULE, url=f"http://x/{Address('7', kind)}", handle="h")
        assert order.firmware is not None
        assert len(order.firmware.identity) == 32


def onenet_image(data: bytes) -> None:
    """A download's first bytes and its headers: an image, or one error that says what to do."""
    status, headers, body = (*data.split(b"\n", 2), b"", b"")[:3]
    named = [line.partition(b":") for line in headers.split(b";")]
    answer = HttpAnswer(
        status=int.from_bytes(status[:2]),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, _, value in named},
        short_body=body[:16],
    )
    for judge in (images.judge_south, images.judge_fuse):
        try:
            judge(answer)
        except CloudError as error:
            assert str(error).encode()


def onenet_push(data: bytes) -> None:
    """A push has a status of ours, whether it is signed or not."""
    assert push.answer(PushRequest(method="POST", body=data), token=TOKEN, uid=UID).status in (200, 400, 403)
    verified = push.answer(
        PushRequest(method="GET", query={"signature": data.decode("utf-8", "surrogateescape")}),
        token=TOKEN,
        uid=UID,
    )
    assert verified.body in (push.PASSED, push.FAILED)
    message = _signed(data)
    if message is not None:
        answer = push.answer(PushRequest(method="POST", body=message), token=TOKEN, uid=UID)
        assert answer.status == 200
        assert all(isinstance(name, str) for name in answer.names)


def _signed(data: bytes) -> bytes | None:
    """Sign whatever message is in it as variant A does, so that what comes behind the signature is read too."""
    try:
        said: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("msg"), dict):
        return None
    said.pop("nonce", None)
    said["signature"] = hashlib.md5((TOKEN + UID).encode(), usedforsecurity=False).hexdigest()
    try:
        return json.dumps(said).encode()
    except RecursionError:
        return None


def names(data: bytes) -> None:
    """A version or a URL: each cloud carries it or says why not, and a signature is found anywhere."""
    text = data.decode("utf-8", "surrogatepass") if _is_utf8(data) else data.decode("latin-1")
    for cloud in (tencent, onenet):
        said = cloud.objection(Version(text))
        assert said is None or "version is" in said
    assert (onenet.objection(Version(text)) is None) <= (1 <= len(text) <= 20 and text.isascii())
    try:
        bare = unsigned(text)
    except ValueError:
        return
    assert "x-oss-signature=" not in bare.lower().partition("?")[2]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


_IMAGES = (
    b"\0\xc8\nContent-Length:9;Content-Type:application/octet-stream\nimage",
    b"\0\xc8\n\n3",
    b"\0\xc8\nOta-Errno:5;Content-Length:1\n",
    b"\0\xc8\ncontent-type:text/html;content-length:5\n<htm",
)
TARGETS = {
    "tencent_reply": Target(
        tencent_reply,
        as_json(
            [each["body"] for each in TENCENT["replies"]]
            + [{"Response": {"RequestId": "r", **each["fields"]}} for each in TENCENT["standings"][:6]]
            + [{"Response": {**each["fields"], "RequestId": "r"}} for each in TENCENT["offers"]]
            + [{"Response": {**each["fields"], "RequestId": "r"}} for each in TENCENT["logins"]]
        ),
        is_json=True,
    ),
    "tencent_token": Target(
        tencent_token, as_json([{"Token": "871d2d42", "ExpireAt": 1893456000}, "bare"]), is_json=True
    ),
    "onenet_answer": Target(
        onenet_answer,
        as_json(
            [each["body"] for each in ONENET["answers"]]
            + [{"errno": 0, "error": "succ", "data": each["data"]} for each in ONENET["tasks"]]
        ),
        is_json=True,
    ),
    "onenet_image": Target(onenet_image, _IMAGES),
    "onenet_push": Target(
        onenet_push, tuple(each["body"].encode() for each in ONENET["pushes"]), is_json=True
    ),
    "names": Target(
        names,
        (
            b"1.0.2",
            b"v" * 33,
            b"http://cos.example/a.bin?sign=1&t=2",
            b"http://[::1/x?x-oss-signature=2",
            b"\xff",
        ),
    ),
}
