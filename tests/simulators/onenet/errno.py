"""The numbers that the south interface answers with, and their texts."""

from enum import IntEnum


class Errno(IntEnum):
    """The errno of a reply."""

    SUCC = 0
    AUTH_FAILED = 1
    BAD_PARAMETER = 2
    WRONG_TOKEN = 4
    INTERNAL = 7
    WRONG_MODEL = 8
    WRONG_VERSION = 9
    NO_TASK = 11
    TOKEN_EXPIRED = 12
    WRONG_STATE = 17
    PAUSED = 19
    FINISHED = 20
    INVALID_OPERATION = 21
    CANCELLED = 22
    BAD_RESULT = 24
    BAD_VERSION = 27


TEXTS = {
    Errno.SUCC: "succ",
    Errno.AUTH_FAILED: "auth failed",
    Errno.BAD_PARAMETER: "invalid parameter",
    Errno.WRONG_TOKEN: "invalid token",
    Errno.INTERNAL: "internal error",
    Errno.WRONG_MODEL: "manuf or model mismatch",
    Errno.WRONG_VERSION: "version mismatch",
    Errno.NO_TASK: "no task",
    Errno.TOKEN_EXPIRED: "token expired",
    Errno.WRONG_STATE: "invalid state",
    Errno.PAUSED: "task paused",
    Errno.FINISHED: "task finished",
    Errno.INVALID_OPERATION: "invalid operation",
    Errno.CANCELLED: "task cancelled",
    Errno.BAD_RESULT: "bad result",
    Errno.BAD_VERSION: "invalid version",
}

# What a caller that keeps the order of states never provokes. The first 22 of a task is how one learns of a
# cancellation; what comes after it is not excused.
BROKEN_RULES = {
    Errno.WRONG_STATE: "wrong_state",
    Errno.INVALID_OPERATION: "out_of_order",
    Errno.FINISHED: "after_terminal",
    Errno.BAD_PARAMETER: "bad_parameter",
    Errno.BAD_RESULT: "bad_result",
}
