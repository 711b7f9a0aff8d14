"""The picture of one moment: what a person must see at a glance, as JSON without a None in it.

Times are never relative: a picture of the same facts is the same picture.
"""

from collections.abc import Mapping
from typing import Any

from gateway.core.gate import Gate
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.views import SiteTimes, image_view, update_view
from gateway.ops.live.census import Campaign, Census, Progress
from gateway.ports.store import Circuit, Figures

#: Of an update that stands still.
_SHOWN = (
    *("id", "product", "device", "module", "state", "percent", "target", "next", "entered_at"),
    *("ordered", "confirmed", "paused", "stalled"),
)
#: Images with trouble that are shown.
IMAGES = 5


def lane_view(gate: Gate, figures: Figures, messages: int, when: SiteTimes) -> dict[str, Any]:
    """Show how a cloud stands."""
    view: dict[str, Any] = {
        "circuit": gate.state.circuit.value,
        "messages": messages,
        "dead_letters": figures.dead_letters,
        "parked_devices": figures.parked,
    }
    if gate.state.reason:
        # A few failures do not open a circuit, and a cloud that fails is not well.
        view["reason"] = gate.state.reason
    if gate.state.circuit is not Circuit.CLOSED:
        if gate.troubled_since is not None:
            view["since"] = when(gate.troubled_since)
        if gate.next_try_at is not None:
            view["next_try_at"] = when(gate.next_try_at)
    if messages and figures.oldest_at is not None:
        view["oldest_at"] = when(figures.oldest_at)
    return view


def updates_view(census: Census, outlook: Outlook, when: SiteTimes) -> dict[str, Any]:
    """Show what is under way, who must move it, and what stands still."""
    return {
        "updates": {
            "states": {state.value: count for state, count in sorted(census.states.items())},
            "next": {owner.value: count for owner, count in sorted(census.owners.items())},
            "away": census.away,
            "stuck": census.stuck_count,
        },
        "stuck": [_brief(update_view(each, outlook.baton(each), when)) for each in census.stuck],
        "campaigns": [_campaign(*found, when) for found in census.newest_campaigns()],
    }


def images_view(outlook: Outlook) -> list[dict[str, Any]]:
    """Show the images that cannot be had."""
    if outlook.images is None:
        return []
    found = [wanted for wanted in outlook.images.missing if wanted.trouble is not None][:IMAGES]
    return [_stripped(image_view(wanted.row, wanted, None)) for wanted in found]


def _campaign(campaign: Campaign, progress: Progress, when: SiteTimes) -> dict[str, Any]:
    return {
        **campaign._asdict(),
        "states": {state.value: count for state, count in sorted(progress.states.items())},
        "opened_at": when(progress.opened_at),
    }


def _brief(view: Mapping[str, Any]) -> dict[str, Any]:
    return _stripped({key: view[key] for key in _SHOWN})


def _stripped(view: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in view.items() if value is not None}
