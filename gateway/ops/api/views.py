"""Updates, orders and what was written of them, as the API's JSON. No URL of an image is shown: it may be signed."""

import json
from datetime import UTC, datetime

from gateway.core.clock import Clock
from gateway.core.images import Wanted
from gateway.core.reconciler import Drift
from gateway.hidden import hidden
from gateway.model.states import Reason
from gateway.model.update import Update
from gateway.ops.api.baton import Baton
from gateway.ops.api.shapes import (
    DriftView,
    HeldView,
    ImageView,
    LineView,
    OrderState,
    OrderView,
    PhraseView,
    UpdateView,
)
from gateway.ops.api.shelf import HeldImage
from gateway.ops.telling import phrases
from gateway.ports.firmware import Progress
from gateway.ports.history import Line
from gateway.ports.store import Ordered

#: Seconds by which two clocks may differ otherwise than before, only because they are read one after the other.
_JITTER = 0.05


def instant(wall: float) -> str:
    """Write Unix seconds as people and programs read them."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class SiteTimes:
    """Turns times of the site clock into such of the wall clock, and back.

    The same time is written alike as long as the wall clock is not set: who asks again must see that nothing changed.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = clock.wall() - clock.now()

    def __call__(self, site: float) -> str:
        """Say when a time of the site clock was."""
        return instant(site + self._now_ahead())

    def site(self, wall: float) -> float:
        """Return the time of the site clock at Unix seconds of the wall clock."""
        return wall - self._now_ahead()

    def _now_ahead(self) -> float:
        ahead = self._clock.wall() - self._clock.now()
        if abs(ahead - self._ahead) > _JITTER:
            self._ahead = ahead
        return self._ahead


def update_view(update: Update, baton: Baton, when: SiteTimes) -> UpdateView:
    """Show an update."""
    view: UpdateView = {
        "id": update.id,
        "product": update.device.product_id,
        "device": update.device.name,
        "module": update.module,
        "state": update.state,
        "percent": update.percent,
        "target": update.target,
        "source": update.source,
        "attempt": update.attempt,
        "next": {
            "who": baton.who,
            "why": baton.why,
            "word": baton.word,
            "values": dict(baton.values),
        },
        "opened_at": when(update.opened_at),
        "entered_at": when(update.entered_at),
        "touched_at": when(update.touched_at),
        "ordered": update.ordered,
        "confirmed": update.confirmed,
        "paused": update.paused,
        "stalled": update.stalled,
        "unverified": update.unverified,
        "synthetic": update.synthetic,
    }
    if update.reason is not Reason.NONE or update.code or update.detail:
        view["reason"], view["phase"] = update.reason, update.phase
        view["code"], view["detail"] = hidden(update.code), hidden(update.detail)
    if update.retries or update.retries_left:
        view["retries"], view["retries_left"] = update.retries, update.retries_left
    return view


def order_view(row: Ordered) -> OrderView:
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
        "state": order_state(row),
        "note": row.note,
    }


def order_state(row: Ordered) -> OrderState:
    """Say how an order stands."""
    return "conflict" if row.note == "conflict" else "closed" if row.is_closed else "open"


def image_view(row: Ordered, wanted: Wanted, progress: Progress | None) -> ImageView:
    """Show how far the image of an order is."""
    view: ImageView = {
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


def held_view(held: HeldImage) -> HeldView:
    """Show an image in the cache."""
    return {
        "sha256": held.image.sha256,
        "md5": held.image.md5,
        "size": held.image.size,
        "version": held.version,
        "module": held.module,
        "used_at": instant(held.used_at),
    }


def drift_view(drift: Drift) -> DriftView:
    """Show what a cloud believes that is not so."""
    return {
        "lane": drift.lane,
        "update": drift.update,
        "kind": drift.kind,
        "believed": drift.believed,
        "true": drift.true,
        "detail": hidden(drift.detail),
    }


def line_view(line: Line) -> LineView:
    """Show a line of a timeline; what was understood is told in words."""
    said = hidden(line.text)
    text = in_words(said) if line.source == "understood" else said
    return {
        "at": instant(line.wall),
        "source": line.source,
        "text": text,
        "phrases": [
            PhraseView(section=each.section, word=each.word, values=dict(each.values))
            for each in phrases(line.source, said)
        ],
    }


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
