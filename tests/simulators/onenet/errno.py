"""The numbers that both interfaces answer with, and their texts."""

from enum import IntEnum


class Errno(IntEnum):
    """The errno (south) or code (fuse) of a reply."""

    SUCC = 0
    AUTH_FAILED = 1
    BAD_PARAMETER = 2
    WRONG_TOKEN = 4
    INTERNAL = 7
    WRONG_MODEL = 8
    WRONG_VERSION = 9
    WEAK_DEVICE = 10  # old edition
    NO_TASK = 11
    TOKEN_EXPIRED = 12
    STATE_INVALID = 13  # old edition
    NOT_NEWEST = 15  # old edition
    WRONG_STATE = 17
    UNKNOWN_TOKEN = 18  # old edition
    PAUSED = 19
    FINISHED = 20
    INVALID_OPERATION = 21
    CANCELLED = 22
    FOREIGN_TOKEN = 23  # old edition
    BAD_RESULT = 24
    BAD_VERSION = 27
    NO_DELTA = 32
    NO_LICENCE = 5116
    FUSE_AUTH_FAILED = 10403
    FUSE_NO_TASK = 12012
    FUSE_SUCCEEDED = 12013


TEXTS = {
    Errno.SUCC: "succ",
    Errno.AUTH_FAILED: "auth failed",
    Errno.BAD_PARAMETER: "invalid parameter",
    Errno.WRONG_TOKEN: "invalid token",
    Errno.INTERNAL: "internal error",
    Errno.WRONG_MODEL: "manuf or model mismatch",
    Errno.WRONG_VERSION: "version mismatch",
    Errno.WEAK_DEVICE: "signal or power mismatch",
    Errno.NO_TASK: "no task",
    Errno.TOKEN_EXPIRED: "token expired",
    Errno.STATE_INVALID: "task state invalid",
    Errno.NOT_NEWEST: "not the newest token",
    Errno.WRONG_STATE: "invalid state",
    Errno.UNKNOWN_TOKEN: "wrong token",
    Errno.PAUSED: "task paused",
    Errno.FINISHED: "task finish",
    Errno.INVALID_OPERATION: "invalid operation",
    Errno.CANCELLED: "task cancelled",
    Errno.FOREIGN_TOKEN: "token and device mismatch",
    Errno.BAD_RESULT: "bad result",
    Errno.BAD_VERSION: "invalid version",
    Errno.NO_DELTA: "no matching delta package",
    Errno.NO_LICENCE: "licence quota exhausted",
    Errno.FUSE_AUTH_FAILED: "auth failed",
    Errno.FUSE_NO_TASK: "not exist",
    Errno.FUSE_SUCCEEDED: "task succ",
}

# What a caller that keeps the order of states never provokes. The first 22 of a task is how one learns of a
# cancellation; what comes after it is not excused.
BROKEN_RULES = {
    Errno.STATE_INVALID: "wrong_state",
    Errno.WRONG_STATE: "wrong_state",
    Errno.INVALID_OPERATION: "out_of_order",
    Errno.FINISHED: "after_terminal",
    Errno.BAD_PARAMETER: "bad_parameter",
    Errno.BAD_RESULT: "bad_result",
}
