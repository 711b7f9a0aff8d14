"""Updates and versions as rows."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, false, func, null, select

from gateway.model import codec
from gateway.model.identity import DeviceId, Module, Version
from gateway.model.states import State
from gateway.model.update import Update
from gateway.store import statement
from gateway.store.schema import updates, versions
from gateway.store.upsert import upsert

log = structlog.get_logger()

#: What an update is called and when it began: written again it would cost each of the table's indexes a change.
_FOR_GOOD = frozenset({"id", "product", "device", "module", "number", "opened_at"})
_PROGRESS = (
    updates.update()
    .where(updates.c.id == bindparam("key"))
    .values(
        percent=bindparam("percent"),
        synthetic=bindparam("synthetic"),
        touched_at=bindparam("touched_at"),
        stalled=false(),
        doubt=null(),
    )
)


def write(connection: Connection, changed: Iterable[Update]) -> None:
    """Insert updates, or replace what may change of them."""
    rows = [_row(update) for update in changed]
    statement.execute(connection, upsert(connection, updates, "id", merge=_changed), rows)


def write_progress(connection: Connection, progressed: Iterable[Update]) -> None:
    """Write what a progress report changes of an update that is already there."""
    rows = [
        {"key": u.id, "percent": u.percent, "synthetic": u.synthetic, "touched_at": u.touched_at}
        for u in progressed
    ]
    statement.execute(connection, _PROGRESS, rows)


def write_versions(
    connection: Connection, reported: Mapping[tuple[DeviceId, Module], Version], now: float
) -> None:
    """Remember what each device runs."""
    rows = [
        {
            "product": device.product_id,
            "device": device.name,
            "module": module,
            "version": version,
            "reported_at": now,
        }
        for (device, module), version in reported.items()
    ]
    statement.execute(connection, upsert(connection, versions, "product", "device", "module"), rows)


def load(connection: Connection) -> list[Update]:
    """Read the newest update of each module of each device."""
    newest = (
        select(
            func.max(updates.c.number).label("number"), updates.c.product, updates.c.device, updates.c.module
        )
        .group_by(updates.c.product, updates.c.device, updates.c.module)
        .subquery()
    )
    query = select(updates).join(
        newest,
        (updates.c.product == newest.c.product)
        & (updates.c.device == newest.c.device)
        & (updates.c.module == newest.c.module)
        & (updates.c.number == newest.c.number),
    )
    return [update for row in connection.execute(query) if (update := read(row)) is not None]


def load_versions(connection: Connection) -> dict[tuple[DeviceId, Module], Version]:
    """Read what each device runs."""
    return {
        (DeviceId(row.product, row.device), Module(row.module)): Version(row.version)
        for row in connection.execute(select(versions))
    }


def load_said_at(connection: Connection) -> dict[tuple[DeviceId, Module], float]:
    """Read when what runs was written last."""
    return {
        (DeviceId(row.product, row.device), Module(row.module)): row.reported_at
        for row in connection.execute(select(versions))
    }


def _changed(new: Any) -> dict[str, Any]:
    return {column.name: new[column.name] for column in updates.columns if column.name not in _FOR_GOOD}


def _row(update: Update) -> dict[str, Any]:
    return {
        "id": update.id,
        "product": update.device.product_id,
        "device": update.device.name,
        "module": update.module,
        "number": update.number,
        "target": update.target,
        "attempt": update.attempt,
        "state": update.state.value,
        "percent": update.percent,
        "phase": update.phase.value,
        "reason": update.reason.value,
        "code": update.code,
        "detail": update.detail,
        "source": update.source,
        "predecessor": update.predecessor,
        "both_entered": update.both_entered,
        "stalled": update.stalled,
        "unverified": update.unverified,
        "doubt": update.doubt,
        "rearmed": update.rearmed,
        "synthetic": update.synthetic,
        "ordered": update.ordered,
        "confirmed": update.confirmed,
        "paused": update.paused,
        "retries_left": update.retries_left,
        "retry_pause": update.retry_pause,
        "retries": update.retries,
        "not_before": update.not_before,
        "opened_at": update.opened_at,
        "entered_at": update.entered_at,
        "touched_at": update.touched_at,
    }


def read(row: Row[Any]) -> Update | None:
    """Read a row; one that makes no sense is left out, said loudly, and does not keep the gateway from starting."""
    try:
        return _read(row)
    except (ValueError, TypeError):
        log.exception("update_unreadable", update=row.id)
        return None


def _read(row: Row[Any]) -> Update:
    fields = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a row as a mapping
    del fields["id"]
    fields["device"] = DeviceId(fields.pop("product"), fields["device"])
    fields["state"] = State(fields["state"])
    fields["phase"] = codec.phase_of(fields["phase"])
    fields["reason"] = codec.reason_of(fields["reason"])
    return Update(**fields)
