"""What an order must be to be written down: whatever a cloud says, no database refuses it and no memory grows by it."""

from datetime import timedelta
from typing import Final

from gateway.core.acquaintances import TOO_MANY, Acquaintances
from gateway.model.commands import Order, UpdateOrdered

#: Characters of a version or a module, of a cloud's name for its task, and of a link.
MAX_NAME: Final = 64
MAX_HANDLE: Final = 1024
MAX_URL: Final = 4096
#: What a database's integer holds, and its largest.
_MAX_NUMBER: Final = 2**31 - 1
_MAX_SIZE: Final = 2**63 - 1
_MAX_INTERVAL: Final = timedelta(days=365).total_seconds()


def nonsense(order: Order, known: Acquaintances) -> str | None:
    """Say what makes an order one that cannot be kept; None when nothing does."""
    name = f"{order.module} {order.version}"
    if not name.isprintable() or len(order.module) > MAX_NAME or len(order.version) > MAX_NAME:
        return f"the order names {name[: 2 * MAX_NAME]!r}"
    objection = known.objection(order.device, order.module)
    if objection is not None:
        return f"the order names {order.module!r}; {TOO_MANY[objection]}"
    if isinstance(order, UpdateOrdered):
        return _misnamed(order) or _beyond_numbers(order)
    return None


def _misnamed(order: UpdateOrdered) -> str | None:
    source = order.source or ""
    if not source.isprintable() or len(source) > MAX_NAME:
        return f"it replaces {source[:MAX_NAME]!r}"
    for what, text, most in (("link", order.firmware.url, MAX_URL), ("handle", order.handle, MAX_HANDLE)):
        if len(text) > most:
            return f"its {what} has {len(text)} characters; {most} is the most"
    return None


def _beyond_numbers(order: UpdateOrdered) -> str | None:
    bounds = (
        ("size", order.firmware.size, _MAX_SIZE),
        ("min_power", order.min_power, _MAX_NUMBER),
        ("min_signal", order.min_signal, _MAX_NUMBER),
        ("retries", order.retries, _MAX_NUMBER),
        ("retry_interval", order.retry_interval, _MAX_INTERVAL),
    )
    for what, number, most in bounds:
        if number is not None and not -most <= number <= most:
            return f"its {what} is beyond {most:g}"
    return None
