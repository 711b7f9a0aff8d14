"""The two private names of amqtt that the broker room overrides, and the proof at start that they still hold.

Everything else is public: of `Broker` external_connected, start, shutdown and sessions; of `BrokerProtocolHandler`
start, mqtt_connack_authorize, handle_subscribe and handle_unsubscribe; the reader's and the writer's adapter.

Reviewed are the sources of 0.11.3, 0.11.4, 0.12.0 and 0.12.1 against each other: amqtt's changelog ends with 0.12.0.
Since 0.11.4 `_initialize_client_session` changed in what it logs, its caller in that it hangs up on an adapter that has
no address (ours have one), and `_init_states` not at all. Beside them:

- 0.11.4 mended filters whose matching took for ever (GHSA-2hjf-7455-w946): no filter reaches amqtt's matching.
- 0.12.0 changed how its own plugins hash passwords: none of them is loaded.
- 0.12.0 answers whom its plugins refuse, but lets him take the place of whoever was there first: the front refuses
  logins, and `LoggedInAlready` none.
- 0.12.0 waits, when something ends, for its waiters, its plugins and, five seconds, for broadcasts, of which there are
  none; a handler that its own reader ends does not wait for that reader.
- 0.12.0 calls a packet that ends early an error, where it decoded what there was: the framing hands over whole ones.
- 0.12.1 waits five seconds for each answer of QoS 2, which the front does not speak, and differs in nothing else.
- What comes: `amqtt.mqtt` moves to `amqtt.mqtt3` (pull request 296), so the imports of this room will. On its branch
  `mqtt5/main`, both seams are where they were.

To raise the pin, read what changed in amqtt's broker.py, session.py, adapters.py and mqtt/, change it in pyproject.toml
and here, lock anew, and run what proves it: `test_seams` and the rest of `tests/integration/broker` (each defect of the
stock broker has its test there), `tests/conformance`, `tests/fire/mqtt`, the target `framing` of `make fuzz` (amqtt's
codec reads to its end whatever framing lets through), and `tests.bench.ingest`.
"""

import asyncio
from importlib.metadata import version
from typing import Any

from amqtt.adapters import ReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.session import Session

from gateway.devices.broker.errors import SeamError

TESTED_VERSION = "0.12.1"


class Transitions:
    """The three states of an amqtt session; the stock machine costs 24 KB and 156 µs per session."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = "new"

    def connect(self) -> None:
        """Enter `connected`; amqtt catches the ValueError and knows what it means."""
        if self.state == "connected":
            raise ValueError("the session is connected already")
        self.state = "connected"

    def disconnect(self) -> None:
        """Enter `disconnected`."""
        self.state = "disconnected"

    def is_connected(self) -> bool:
        """Whether a connection uses the session."""
        return self.state == "connected"


class _Silence(asyncio.Queue[Any]):
    """A queue of messages that never come; one serves all sessions, where each would have two of 2 KB."""

    def __init__(self) -> None:
        """Need nothing: a real queue would gather the waiting sessions in a list."""

    async def get(self) -> Any:
        """Wait until cancelled."""
        await asyncio.get_running_loop().create_future()

    def empty(self) -> bool:
        """Return True."""
        return True

    def qsize(self) -> int:
        """Return 0."""
        return 0


_SILENCE = _Silence()


class DeviceSession(Session):
    """amqtt's record of one connection; never kept, never reused, and never given a message."""

    transitions: Any

    def __init__(self) -> None:
        super().__init__()
        self.retained_messages = self.delivered_message_queue = _SILENCE

    def _init_states(self) -> None:
        self.transitions = Transitions()


class _ProbeReached(Exception):  # noqa: N818 - a signal, not an error
    """The override was called."""


class Probe(ReaderAdapter, WriterAdapter):
    """A connection without a device: it only shows who would serve it."""

    async def read(self, n: int = -1) -> bytes:
        """Say that the stream ended; only stock amqtt asks."""
        del n
        return b""

    def feed_eof(self) -> None:
        """Do nothing."""

    def write(self, data: bytes) -> None:
        """Do nothing."""

    async def drain(self) -> None:
        """Do nothing."""

    def get_peer_info(self) -> tuple[str, int]:
        """Return an address that nobody has."""
        return "0.0.0.0", 0  # noqa: S104 - not a listener

    def get_ssl_info(self) -> None:
        """Return that there is no TLS."""

    async def close(self) -> None:
        """Do nothing."""

    @staticmethod
    def reached() -> None:
        """Be called by the override instead of serving."""
        raise _ProbeReached


async def selfcheck(broker: Broker, listener: str) -> None:
    """Raise SeamError, naming the seam, unless amqtt calls both overrides."""
    if not isinstance(getattr(DeviceSession(), "transitions", None), Transitions):
        raise _broken("Session._init_states")
    try:
        await broker.external_connected(Probe(), Probe(), listener)
    except _ProbeReached:
        return
    raise _broken("Broker._initialize_client_session")


def _broken(seam: str) -> SeamError:
    return SeamError(
        f"amqtt {version('amqtt')} no longer calls {seam};"
        f" the gateway is made for amqtt {TESTED_VERSION}: install that version"
    )
