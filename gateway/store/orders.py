"""What clouds ordered, as rows."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, select, true

from gateway.model.commands import UpdateOrdered
from gateway.model.firmware import Firmware, Md5
from gateway.model.identity import DeviceId, Lane, Module, UpdateId, Version
from gateway.ports.store import Ordered, OrderKey, Settlement, is_end_told
from gateway.store import statement
from gateway.store.schema import orders
from gateway.store.upsert import upsert

log = structlog.get_logger()


def write(connection: Connection, changed: Mapping[OrderKey, Ordered | None]) -> None:
    """Insert or replace orders, and remove those that are None."""
    gone = [
        {"k_lane": lane, "k_product": device.product_id, "k_device": device.name, "k_module": module}
        for (lane, device, module), row in changed.items()
        if row is None
    ]
    statement.execute(connection, _DELETE, gone)
    rows = [_row(row) for row in changed.values() if row is not None]
    statement.execute(connection, upsert(connection, orders, "lane", "product", "device", "module"), rows)


def close(connection: Connection, settlements: Iterable[Settlement]) -> None:
    """Note of which orders the clouds have acknowledged the end; one that was called off here stays as it is."""
    rows = [{"k_lane": s.claim.lane, "k_update": s.claim.update} for s in settlements if is_end_told(s)]
    statement.execute(connection, _CLOSE, rows)


def load(connection: Connection) -> list[Ordered]:
    """Read all orders."""
    return [order for row in connection.execute(select(orders)) if (order := _order(row)) is not None]


def _row(row: Ordered) -> dict[str, Any]:
    command, firmware = row.command, row.command.firmware
    return {
        "lane": row.lane,
        "product": command.device.product_id,
        "device": command.device.name,
        "module": command.module,
        "update_id": row.update,
        "is_closed": row.is_closed,
        "note": row.note,
        "version": command.version,
        "handle": command.handle,
        "url": firmware.url,
        "size": firmware.size,
        "md5": firmware.md5,
        "needs_confirmation": command.needs_confirmation,
        "source": command.source,
        "is_delta": command.is_delta,
        "min_power": command.min_power,
        "min_signal": command.min_signal,
        "retries": command.retries,
        "retry_interval": command.retry_interval,
    }


def _order(row: Row[Any]) -> Ordered | None:
    """Read a row; one that makes no sense is left out, and asked for again."""
    try:
        return _read(row)
    except (ValueError, TypeError):
        log.exception("order_unreadable", lane=row.lane, device=f"{row.product}/{row.device}")
        return None


def _read(row: Row[Any]) -> Ordered:
    module, version = Module(row.module), Version(row.version)
    firmware = Firmware(
        version=version,
        module=module,
        url=row.url,
        size=row.size,
        md5=None if row.md5 is None else Md5(row.md5),
    )
    command = UpdateOrdered(
        device=DeviceId(row.product, row.device),
        module=module,
        version=version,
        firmware=firmware,
        handle=row.handle,
        needs_confirmation=row.needs_confirmation,
        source=None if row.source is None else Version(row.source),
        is_delta=row.is_delta,
        min_power=row.min_power,
        min_signal=row.min_signal,
        retries=row.retries,
        retry_interval=row.retry_interval,
    )
    return Ordered(
        lane=Lane(row.lane),
        command=command,
        update=None if row.update_id is None else UpdateId(row.update_id),
        is_closed=row.is_closed,
        note=row.note,
    )


_DELETE = orders.delete().where(
    orders.c.lane == bindparam("k_lane"),
    orders.c.product == bindparam("k_product"),
    orders.c.device == bindparam("k_device"),
    orders.c.module == bindparam("k_module"),
)
_CLOSE = (
    orders.update()
    .where(orders.c.lane == bindparam("k_lane"), orders.c.update_id == bindparam("k_update"))
    .values(is_closed=true())
)
