"""Updates, orders and what was written of them, as the API's JSON. No URL of an image is shown: it may be signed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gateway.core.clock import Clock
from gateway.core.images import Wanted
from gateway.core.reconciler import Drift
from gateway.model.states import Reason
from gateway.model.update import Update
from gateway.ops.api.baton import Baton
from gateway.ops.api.shelf import HeldImage
from gateway.ports.firmware import Progress
from gateway.ports.history import Line
from gateway.ports.store import Ordered

#: Says for a time of the site clock when that was.
When = Callable[[float], str]


def instant(wall: float) -> str:
    """Write Unix seconds as people and programs read them."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def site_times(clock: Clock) -> When:
    """Return what turns times of the site clock into such of the wall clock, as it stands now."""
    ahead = clock.wall() - clock.now()
    return lambda site: instant(site + ahead)


def update_view(update: Update, baton: Baton, when: When) -> dict[str, Any]:
    """Show an update."""
    view = {
        "id": update.id,
        "product": update.device.product_id,
        "device": update.device.name,
        "module": update.module,
        "state": update.state.value,
        "percent": update.percent,
        "target": update.target,
        "source": update.source,
        "attempt": update.attempt,
        "next": {
            "who": baton.who.value,
            "why": baton.why,
            "word": baton.word,
            "values": dict(baton.values),
        },
        "opened_at": when(update.opened_at),
        "entered_at": when(update.entered_at),
        "touched_at": when(update.touched_at),
    }
    flags = ("ordered", "confirmed", "paused", "stalled", "unverified", "synthetic")
    view |= {flag: getattr(update, flag) for flag in flags}
    if update.reason is not Reason.NONE or update.code or update.detail:
        view["reason"], view["phase"] = update.reason.value, update.phase.value
        view["code"], view["detail"] = update.code, update.detail
    if update.retries or update.retries_left:
        view |= {"retries": update.retries, "retries_left": update.retries_left}
    return view


def order_view(row: Ordered) -> dict[str, Any]:
    """Show what a cloud wants."""
    command = row.command
    return {
        "lane": row.lane,
        "product": command.device.product_id,
        "device": command.device.name,
        "module": command.module,
        "version": command.version,
        "handle": command.handle,
        "update": row.update,
        "state": "conflict" if row.note == "conflict" else "closed" if row.is_closed else "open",
        "note": row.note,
    }


def image_view(row: Ordered, wanted: Wanted, progress: Progress | None) -> dict[str, Any]:
    """Show how far the image of an order is."""
    view: dict[str, Any] = {
        "lane": row.lane,
        "version": row.command.version,
        "module": row.command.module,
        "size": wanted.image.size if wanted.image else row.command.firmware.size,
        "here": wanted.image is not None,
        "sha256": wanted.image.sha256 if wanted.image else None,
        "received": progress.received if progress else None,
        "percent": 100 if wanted.image else progress.percent if progress else None,
        "trouble": None,
    }
    if wanted.trouble is not None:
        view["trouble"] = {
            "reason": wanted.trouble.reason.value,
            "detail": wanted.trouble.detail,
            "final": wanted.unfit is not None,
        }
    return view


def held_view(held: HeldImage) -> dict[str, Any]:
    """Show an image in the cache."""
    return {
        "sha256": held.image.sha256,
        "md5": held.image.md5,
        "size": held.image.size,
        "version": held.version,
        "module": held.module,
        "used_at": instant(held.used_at),
    }


def drift_view(drift: Drift) -> dict[str, Any]:
    """Show what a cloud believes that is not so."""
    return {
        "lane": drift.lane,
        "update": drift.update,
        "kind": drift.kind,
        "believed": drift.believed.value,
        "true": drift.true.value,
        "detail": drift.detail,
    }


def line_view(line: Line) -> dict[str, Any]:
    """Show a line of a timeline; what was understood is told in words."""
    text = in_words(line.text) if line.source == "understood" else line.text
    return {"at": instant(line.wall), "source": line.source, "text": text}


def in_words(body: str) -> str:
    """Tell an event that was written as JSON in a few words; anything else is left as it is."""
    try:
        event = json.loads(body)
    except ValueError:
        return body
    if not isinstance(event, dict) or "state" not in event:
        return body
    words = [str(event["state"])]
    if "percent" in event:
        words.append(f"{event['percent']} %")
    words += [str(event[key]) for key in ("reason", "code", "detail") if event.get(key)]
    if event.get("synthetic"):
        words.append("(the gateway says so)")
    return " ".join(words)
