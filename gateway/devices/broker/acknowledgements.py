"""PUBACKs of one connection: each after its commit, all in the order of the publishes [MQTT-4.6.0-2]."""

from collections import deque
from collections.abc import Callable


def _say_nothing() -> None:
    """Stand where nobody is left to be told."""


class Acknowledgements:
    """What one connection still owes its device."""

    __slots__ = ("_is_ready", "_on_ready", "_on_refused", "_pending", "_released")

    def __init__(self, *, on_ready: Callable[[], None], on_refused: Callable[[], None]) -> None:
        """`on_ready`: bytes wait for `take`, said once until then; `on_refused`: a commit failed."""
        self._on_ready = on_ready
        self._on_refused = on_refused
        self._pending: deque[_Pending] = deque()
        self._released = bytearray()
        self._is_ready = False

    def __len__(self) -> int:
        return len(self._pending)

    def expect(self, packet_id: bytes) -> Callable[[bool], None]:
        """Return the `settle` of one QoS 1 publish."""
        pending = _Pending(self, packet_id)
        self._pending.append(pending)
        return pending

    def take(self) -> bytes:
        """Return the PUBACKs that may be written now."""
        released, self._released, self._is_ready = bytes(self._released), bytearray(), False
        return released

    def drop(self) -> None:
        """Forget what is not committed yet; its devices will send it again."""
        self._pending.clear()
        self._on_ready = self._on_refused = _say_nothing

    def release(self) -> None:
        """Move what is settled from the head of the queue to the bytes to write."""
        pending = self._pending
        while pending and pending[0].is_settled:
            self._released += b"\x40\x02"
            self._released += pending.popleft().packet_id
        if self._released and not self._is_ready:
            self._is_ready = True
            self._on_ready()

    def refuse(self) -> None:
        """Say that a publish was not committed."""
        self._on_refused()


class _Pending:
    """One publish that waits for its commit; calling it settles it."""

    __slots__ = ("_owner", "is_settled", "packet_id")

    def __init__(self, owner: Acknowledgements, packet_id: bytes) -> None:
        self._owner = owner
        self.packet_id = packet_id
        self.is_settled = False

    def __call__(self, committed: bool, /) -> None:  # noqa: FBT001 - the shape of ports.devices.Settle
        if self.is_settled:
            return
        if committed:
            self.is_settled = True
            self._owner.release()
        else:
            self._owner.refuse()
