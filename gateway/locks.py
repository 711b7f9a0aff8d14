"""Locks on files: one process holds one, others see that it does, and the kernel lets go when the process dies."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path


def hold(path: Path) -> Callable[[], None]:
    """Lock a file and return how to let go of it; raises BlockingIOError when another process holds it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise
    return lambda: os.close(lock)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock on this file."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        # Shared, so that two who look do not take each other for who holds it.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
