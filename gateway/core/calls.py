"""Calls to adapters: whatever they may do, what comes out is an answer or one of the three errors, and in time."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import TypeVar

import structlog

from gateway.errors import GatewayError, Rejected, Scope, Unavailable

log = structlog.get_logger()

T = TypeVar("T")

#: A call is several requests, each with a time limit of its own.
LIMIT = timedelta(seconds=90)


async def asked_of(call: Awaitable[T], lane: str, *, limit: timedelta | None = LIMIT) -> T:
    """Await what an adapter has a part in; raises GatewayError, and nothing else but for our own being cancelled."""
    before = cancellations()
    try:
        async with asyncio.timeout(None if limit is None else limit.total_seconds()):
            return await call
    except GatewayError:
        raise
    except asyncio.CancelledError as err:
        if cancellations() > before:
            raise
        # Something that the adapter waited for was cancelled, not this worker.
        raise Unavailable("the adapter's call was cut off", code="canceled", scope=Scope.DEVICE) from err
    except TimeoutError as err:
        raise Unavailable("the adapter's call took too long", code="timeout", scope=Scope.DEVICE) from err
    except Exception as err:
        # The loop outlives a device that breaks its adapter: it is said loudly.
        log.exception("adapter_broke", lane=lane)
        raise Rejected("adapter_error", f"{type(err).__name__}: {err}") from err


def cancellations() -> int:
    """Count how often this task was asked to end; while it is not asked again, it is something else that was cancelled.

    A library that takes a cancellation back may leave its count behind, so it is the rise that tells.
    """
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
