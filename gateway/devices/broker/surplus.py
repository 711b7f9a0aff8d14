"""What is too long of a PUBLISH: thrown away while it streams in, in pieces as long as a packet may be.

Its law: it is read as slowly, and must come as steadily, as the same bytes in packets of the largest size.
"""

KEPT_BYTES = 4096
"""Of a payload that nobody reads but people."""


class Piece:
    """One full piece was thrown away."""

    __slots__ = ("length",)

    def __init__(self, length: int) -> None:
        self.length = length


class Surplus:
    """The bytes of one PUBLISH that are still to come."""

    __slots__ = ("_left", "_piece_bytes", "_piece_left")

    def __init__(self, left: int, max_packet_bytes: int) -> None:
        self._left = left
        # Never so short that counting pieces costs more than reading them.
        self._piece_bytes = self._piece_left = max(max_packet_bytes, KEPT_BYTES)

    @property
    def is_over(self) -> bool:
        """Whether all of it has come."""
        return not self._left

    def drop(self, available: int) -> tuple[int, Piece | None]:
        """Return how many of the available bytes to throw away, and the piece that they complete."""
        dropped = min(available, self._left, self._piece_left)
        self._left -= dropped
        self._piece_left -= dropped
        if self._piece_left:
            return dropped, None
        self._piece_left = self._piece_bytes
        return dropped, Piece(self._piece_bytes)
