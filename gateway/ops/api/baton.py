"""Who must move an update next, and what for: the answer to "why does nothing happen?"."""

from dataclasses import dataclass

from gateway.core.clock import Clock
from gateway.core.images import Wanted
from gateway.model.policy import Policy
from gateway.model.states import TABLE, Owner, State
from gateway.model.update import Update
from gateway.ports.firmware import Progress


@dataclass(frozen=True, slots=True)
class Baton:
    """At any time one and only one is responsible to move an update on."""

    who: Owner
    why: str = ""


def baton(
    update: Update,
    *,
    policy: Policy | None,
    is_present: bool,
    wanted: Wanted | None,
    progress: Progress | None,
    clock: Clock,
) -> Baton:
    """Say who must move the update next; `policy` is None where its product is no longer configured."""
    if update.state.is_terminal:
        return Baton(Owner.NOBODY)
    if policy is None:
        return Baton(Owner.OPERATOR, "its product is no longer in the configuration")
    if update.is_held:
        return Baton(
            Owner.OPERATOR, "it is paused" if update.paused else "a person must confirm it, or refuse it"
        )
    if update.ordered and TABLE[update.state].rank < TABLE[State.NOTIFIED].rank:
        return _before_it_began(update, policy, wanted, progress, clock, is_present=is_present)
    return Baton(TABLE[update.state].owner, _about_device(update, is_present=is_present))


def _about_device(update: Update, *, is_present: bool) -> str:
    if not is_present:
        return "it is away"
    if update.stalled:
        return "it has kept silent past its deadline"
    if update.state is State.CONFIRMING:
        return f"it must report that it runs {update.target}"
    return "" if update.ordered else "no cloud ordered it here: its device does it by itself"


def _before_it_began(
    update: Update,
    policy: Policy,
    wanted: Wanted | None,
    progress: Progress | None,
    clock: Clock,
    *,
    is_present: bool,
) -> Baton:
    if wanted is None or wanted.image is None:
        return Baton(Owner.GATEWAY, _about_image(wanted, progress))
    pause = update.not_before - clock.now()
    if pause > 0:
        return Baton(Owner.GATEWAY, f"it failed with {update.reason} and begins anew in {pause:.0f} s")
    if not policy.may_begin(clock.wall()):
        return Baton(Owner.GATEWAY, "it waits for the hours in which its product may begin")
    if not is_present:
        return Baton(Owner.DEVICE, "it is away, and is told when it comes")
    return Baton(
        Owner.GATEWAY, "it waits for its turn, or for the device to have the power and signal asked for"
    )


def _about_image(wanted: Wanted | None, progress: Progress | None) -> str:
    if wanted is not None and wanted.trouble is not None:
        return f"the image cannot be had: {wanted.trouble}"
    percent = progress.percent if progress is not None else None
    return "the image is fetched" if percent is None else f"the image is fetched, {percent} %"
