"""Ask the kernel whether its wall clock is synchronised: adjtimex(2), read only."""

import ctypes

#: adjtimex(2): "the clock is not synchronised".
_TIME_ERROR = 5
#: More than `struct timex` takes on any architecture; `modes` = 0 at its head changes nothing.
_BUFFER_BYTES = 512


def is_synchronised() -> bool:
    """True when the kernel says so; False when it does not, or cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError):
        return False
    state = int(adjtimex(ctypes.create_string_buffer(_BUFFER_BYTES)))
    return 0 <= state < _TIME_ERROR
