"""Who must move an update next, and what for: the answer to "why does nothing happen?"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.core.clock import Clock
from gateway.core.images import Wanted
from gateway.model.identity import Lane
from gateway.model.policy import Policy
from gateway.model.states import TABLE, Owner, State
from gateway.model.update import Update
from gateway.ops.words import say
from gateway.ports.firmware import Progress


@dataclass(frozen=True, slots=True)
class Baton:
    """At any time one and only one is responsible to move an update on."""

    who: Owner
    #: One of the words of the section `why`, with its values; "" where nothing need be said.
    word: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def why(self) -> str:
        """What for, in a sentence."""
        return say("why", self.word, **self.values)


def baton(
    update: Update,
    *,
    unheard: Sequence[Lane],
    policy: Policy | None,
    is_present: bool,
    wanted: Wanted | None,
    progress: Progress | None,
    clock: Clock,
) -> Baton:
    """Say who must move the update next; `policy` is None where its product is no longer configured.

    `unheard` are the lanes that have yet to be told of its end.
    """
    if unheard:
        return Baton(Owner.GATEWAY, "unheard", {"lanes": ", ".join(unheard)})
    if update.state.is_terminal:
        return Baton(Owner.NOBODY)
    if policy is None:
        return Baton(Owner.OPERATOR, "gone")
    if update.is_held:
        return Baton(Owner.OPERATOR, "paused" if update.paused else "consent")
    if waits_here(update):
        return _before_it_began(update, policy, wanted, progress, clock, is_present=is_present)
    return _with_device(update, TABLE[update.state].owner, is_present=is_present)


def waits_here(update: Update) -> bool:
    """Whether its device has not been told of it, so that it may wait for its image."""
    return update.ordered and TABLE[update.state].rank < TABLE[State.NOTIFIED].rank


def _with_device(update: Update, who: Owner, *, is_present: bool) -> Baton:
    if not is_present:
        return Baton(who, "away")
    if update.stalled:
        return Baton(who, "silent")
    if update.state is State.CONFIRMING:
        return Baton(who, "evidence", {"version": update.target})
    return Baton(who, "" if update.ordered else "by_itself")


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
        return _without_image(wanted, progress)
    pause = update.not_before - clock.now()
    if pause > 0:
        return Baton(Owner.GATEWAY, "anew", {"reason": update.reason, "seconds": f"{pause:.0f}"})
    if not policy.may_begin(clock.wall()):
        return Baton(Owner.GATEWAY, "hours")
    if not is_present:
        return Baton(Owner.DEVICE, "away_untold")
    return Baton(Owner.GATEWAY, "turn")


def _without_image(wanted: Wanted | None, progress: Progress | None) -> Baton:
    if wanted is not None and wanted.trouble is not None:
        return Baton(Owner.GATEWAY, "no_image", {"trouble": str(wanted.trouble)})
    if progress is None or progress.percent is None:
        return Baton(Owner.GATEWAY, "fetching")
    return Baton(Owner.GATEWAY, "fetching_percent", {"percent": str(progress.percent)})
