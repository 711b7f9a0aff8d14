"""Words to tell small stories with: an update, what is said about it, and what became of it."""

from dataclasses import dataclass, field, replace

from gateway.model.events import StateReported, VersionReported
from gateway.model.evidence import expire, witness
from gateway.model.identity import DeviceId, Version
from gateway.model.policy import Policy
from gateway.model.reports import apply
from gateway.model.states import Reason, State
from gateway.model.update import Outcome, Update, Verdict, cancel

#: What devices say in these stories.
Event = StateReported | VersionReported

DEVICE = DeviceId("PR0DUCT01", "dev01")
V1, V2, V3, V4 = Version("1.0"), Version("2.0"), Version("3.0"), Version("4.0")
TRUSTING = Policy(needs_evidence=False)
STRICT = Policy(needs_evidence=True)


def says(
    state: State, version: Version | None = V2, *, percent: int | None = None, synthetic: bool = False
) -> StateReported:
    """Make a state report."""
    return StateReported(device=DEVICE, state=state, version=version, percent=percent, synthetic=synthetic)


def announced(state: State = State.NOTIFIED, version: Version = V2) -> StateReported:
    """Make what the gateway says when a cloud's order arrives."""
    return says(state, version, synthetic=True)


def runs(version: Version, *, redelivered: bool = False) -> VersionReported:
    """Make a version report."""
    return VersionReported(device=DEVICE, version=version, redelivered=redelivered)


@dataclass
class Story:
    """One module of one device: remembers what an engine would, and each verdict."""

    policy: Policy = TRUSTING
    update: Update | None = None
    running: Version | None = None
    now: float = 0.0
    verdicts: list[Verdict] = field(default_factory=list)
    #: Every update as it was each time that clouds were told of it.
    told: list[Update] = field(default_factory=list)

    def tell(self, *events: Event) -> "Story":
        """Let the device say these, a second apart."""
        for event in events:
            self.now += 1.0
            self.take(self._act(event))
        return self

    def wait(self, seconds: float) -> "Story":
        """Let time pass and act on an open update."""
        self.now += seconds
        if self.update is not None:
            self.take(expire(self.update, policy=self.policy, now=self.now))
        return self

    def cancel(self, reason: Reason = Reason.CANCELED_BY_OPERATOR) -> "Story":
        """Call the update off."""
        self.take(cancel(self.current, reason, now=self.now))
        return self

    def order(self) -> "Story":
        """Let the update be one that a cloud ordered."""
        self.update = replace(self.current, ordered=True)
        return self

    def take_back_arms(self) -> None:
        """Forget that the device reported a version after the end."""
        self.update = replace(self.current, rearmed=False)

    def take(self, outcome: Outcome) -> None:
        """Remember what came of it."""
        self.verdicts.append(outcome.verdict)
        if outcome.verdict in (Verdict.OPENED, Verdict.ADVANCED, Verdict.PROGRESSED):
            self.told += [update for update in (outcome.closed, outcome.update) if update is not None]
        if outcome.update is not None:
            self.update = outcome.update

    def _act(self, event: Event) -> Outcome:
        if isinstance(event, VersionReported):
            self.running = event.version
            return witness(self.update, event, now=self.now)
        return apply(self.update, event, running=self.running, policy=self.policy, now=self.now)

    @property
    def current(self) -> Update:
        """The update, which must be there by now."""
        if self.update is None:
            raise LookupError("nothing was opened yet")
        return self.update

    @property
    def states(self) -> list[State]:
        """The states that clouds were told."""
        return [update.state for update in self.told]
