"""The API's updates: listed, shown with all that happened to them, and acted upon."""

from typing import Annotated

from pydantic import Field

from gateway.core.desk import UnknownError
from gateway.model.states import TERMINAL, Reason, State
from gateway.model.update import Update
from gateway.ops.api.answering import place_after, place_cursor
from gateway.ops.api.operation import acts, looks_up
from gateway.ops.api.outlook import Outlook
from gateway.ops.api.parameters import Flag, Name, OfUpdate, Paged, Since
from gateway.ops.api.shapes import UpdatePage, UpdateShown, UpdateView
from gateway.ops.api.views import image_view, line_view, order_view
from gateway.ports.history import UpdateQuery

MAX_LINES = 500
_ONE = "/api/v1/updates/{product}/{device}/{module}/{number}"


class UpdatesAsked(Paged):
    """Which updates are wanted."""

    state: Annotated[list[State], Field(description="Only those in one of these states.")] | None = None
    open: Annotated[Flag, Field(description="Only those that are not over.")] | None = None
    product: Annotated[Name, Field(description="Only those of this product.")] | None = None
    device: Annotated[Name, Field(description="Only those of devices of this name.")] | None = None
    reason: Annotated[Reason, Field(description="Only those that give this reason.")] | None = None
    since: Annotated[Since, Field(description="Only those that were opened then or later.")] | None = None

    @property
    def states(self) -> frozenset[State] | None:
        """The states that are wanted: those named, or with `open` those of them that are no end."""
        named = frozenset(self.state or ())
        if self.open:
            return (named or frozenset(State)) - TERMINAL
        return named or None


@looks_up("/api/v1/updates")
async def list_updates(outlook: Outlook, asked: UpdatesAsked) -> UpdatePage:
    """List updates, those that were opened last first.

    Filters narrow one another. Updates that are opened while you page come before the first page, and move nothing.
    """
    query = UpdateQuery(
        states=asked.states,
        product=asked.product,
        device=asked.device,
        reason=asked.reason,
        since=None if asked.since is None else outlook.when.site(asked.since),
        after=None if asked.cursor is None else place_after(asked.cursor),
        limit=asked.limit + 1,
    )
    found = await outlook.updates(query)
    page = found[: asked.limit]
    is_last = len(found) <= asked.limit
    return {
        "updates": await outlook.shown(page),
        "next": None if is_last else place_cursor((page[-1].opened_at, page[-1].id)),
    }


@looks_up(_ONE)
async def show_update(outlook: Outlook, asked: OfUpdate) -> UpdateShown:
    """Show an update with the orders that it serves, its image and its timeline."""
    name = asked.update_id
    update = await outlook.find(name)
    if update is None:
        raise UnknownError(f"there is no update {name}")
    lines = await outlook.history.timeline(name, limit=MAX_LINES)
    rows = outlook.orders.serving(update)
    wanted = outlook.wanted(rows[0]) if rows and not update.state.is_terminal else None
    return {
        **await _view(outlook, update),
        "orders": [order_view(row) for row in rows],
        "image": image_view(rows[0], wanted, outlook.progress(rows[0])) if wanted else None,
        "timeline": [line_view(line) for line in lines],
    }


@acts(f"{_ONE}/confirm")
async def confirm_update(outlook: Outlook, asked: OfUpdate) -> UpdateView:
    """Agree to an update that waits for a person."""
    return await _view(outlook, await outlook.desk.confirm(asked.update_id, accept=True))


@acts(f"{_ONE}/refuse")
async def refuse_update(outlook: Outlook, asked: OfUpdate) -> UpdateView:
    """Refuse an update that waits for a person: it ends."""
    return await _view(outlook, await outlook.desk.confirm(asked.update_id, accept=False))


@acts(f"{_ONE}/cancel")
async def cancel_update(outlook: Outlook, asked: OfUpdate) -> UpdateView:
    """Call an update off that its device has not begun to install, or that is stalled.

    A device that was told of it is told so. Its task stays open in the cloud.
    """
    return await _view(outlook, await outlook.desk.cancel(asked.update_id))


@acts(f"{_ONE}/retry")
async def retry_update(outlook: Outlook, asked: OfUpdate) -> UpdateView:
    """Begin anew what ended without success, for the same order of a cloud; the answer is the new update."""
    return await _view(outlook, await outlook.desk.retry(asked.update_id))


@acts(f"{_ONE}/pause")
async def pause_update(outlook: Outlook, asked: OfUpdate) -> UpdateView:
    """Hold back an update of which its device has not been told."""
    return await _view(outlook, await outlook.desk.pause(asked.update_id))


@acts(f"{_ONE}/resume")
async def resume_update(outlook: Outlook, asked: OfUpdate) -> UpdateView:
    """Let a paused update go on."""
    return await _view(outlook, await outlook.desk.resume(asked.update_id))


async def _view(outlook: Outlook, update: Update) -> UpdateView:
    [view] = await outlook.shown([update])
    return view


OPERATIONS = (
    list_updates,
    show_update,
    confirm_update,
    refuse_update,
    cancel_update,
    retry_update,
    pause_update,
    resume_update,
)
