"""What the gateway knows: updates, versions and orders, held in memory, written through to the ledger.

The store is the truth at start; a commit that failed takes memory back to what it holds.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any, TypeVar

from gateway.core.acquaintances import Acquaintances
from gateway.core.clock import Clock
from gateway.core.ledger import Ledger
from gateway.core.said import in_its_words
from gateway.core.tally import Tally
from gateway.metrics import Metrics
from gateway.model import codec
from gateway.model.identity import DeviceId, Lane, Module, UpdateId, Version, parts_of
from gateway.model.policy import Policy
from gateway.model.reports import ANNOUNCEMENTS
from gateway.model.states import State
from gateway.model.update import CHANGES, Outcome, Update, Verdict
from gateway.ports.store import Entry, Kind, Loaded, Message

K = TypeVar("K")
V = TypeVar("V")

#: One module of one device.
Part = tuple[DeviceId, Module]

_IGNORED = frozenset({Verdict.STALE, Verdict.ABSORBED})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRules:
    """What the configuration says of a product, as far as the core cares."""

    #: The first has the priority where two clouds want different versions.
    lanes: tuple[Lane, ...]
    policy: Policy = field(default_factory=Policy)
    #: Whether its clouds are asked for tasks.
    asks: bool = False
    #: False where devices report to their cloud themselves: what the gateway told it would end their tasks.
    tells: bool = True


class Record:
    """The newest update of each module of each device, and the versions that run."""

    def __init__(
        self,
        products: Mapping[str, ProductRules],
        *,
        ledger: Ledger,
        clock: Clock,
        metrics: Metrics,
        is_named: Callable[[DeviceId], bool] = lambda _: True,
    ) -> None:
        """`is_named` says whether the configuration names a device."""
        self._products = products
        self._ledger = ledger
        self._clock = clock
        self._metrics = metrics
        # Looking a child up in the metric takes a lock and costs more than counting.
        self._suppressed = lru_cache(maxsize=None)(metrics.suppressed.labels)
        self._tally = Tally(metrics, clock)
        self._updates: dict[Part, Update] = {}
        self._versions: dict[Part, Version] = {}
        self._said_at: dict[Part, float] = {}
        #: Every device of which a version or an update is known, and its modules.
        self.known = Acquaintances(is_named)
        #: Of which update it stands in the timeline that its device said something in vain.
        self._ignored: dict[Part, UpdateId] = {}
        #: Whether a lane is not to hear of an update, because its cloud wants something else; set by the orders.
        self.is_none_of: Callable[[Update, Lane], bool] = lambda _update, _lane: False
        #: Called with an update that a device left for another, and that one; set by the orders.
        self.on_superseded: Callable[[Update, Update], None] = lambda _closed, _begun: None

    def load(self, loaded: Loaded) -> None:
        """Fill memory from the store."""
        self._updates = {(update.device, update.module): update for update in loaded.updates}
        self._versions = dict(loaded.versions)
        self._said_at = dict(loaded.said_at)
        for device, module in self._updates.keys() | self._versions.keys():
            self.known.add(device, module)

    def replace(self, products: Mapping[str, ProductRules]) -> None:
        """Go by other rules from now on; what is under way goes on under them."""
        self._products = products

    def rules(self, device: DeviceId) -> ProductRules | None:
        """Return the rules of the device's product; None when it is no longer configured."""
        return self._products.get(device.product_id)

    def update(self, device: DeviceId, module: Module) -> Update | None:
        """Return the newest update of a module."""
        return self._updates.get((device, module))

    def find(self, name: UpdateId) -> Update | None:
        """Return the update of this name while it is the newest of its module."""
        device, module, _ = parts_of(name)
        update = self._updates.get((device, module))
        return update if update is not None and update.id == name else None

    def running(self, device: DeviceId, module: Module) -> Version | None:
        """Return the version that runs, as far as is known."""
        return self._versions.get((device, module))

    def modules(self, device: DeviceId) -> Iterator[Module]:
        """Yield the modules whose version the device has told."""
        return (module for module in self.known.of(device) if (device, module) in self._versions)

    def of(self, device: DeviceId) -> Iterator[Update]:
        """Yield the newest update of each of the device's modules."""
        for module in self.known.of(device):
            update = self._updates.get((device, module))
            if update is not None:
                yield update

    def heard_at(self, device: DeviceId) -> float:
        """Return when the device was last heard of, as far as that is known."""
        said = (self._said_at.get((device, module), 0.0) for module in self.known.of(device))
        return max([*said, *(update.touched_at for update in self.of(device))], default=0.0)

    def forget(self, device: DeviceId) -> None:
        """Know nothing of a device any more, of which nothing is under way."""
        memories: tuple[dict[Part, Any], ...] = (self._updates, self._versions, self._said_at, self._ignored)
        for module in self.known.of(device):
            self._ledger.remember(partial(self.known.add, device, module))
            for memory in memories:
                before = memory.pop((device, module), None)
                self._ledger.remember(partial(put_back, memory, (device, module), before))
        self.known.remove(device)
        self._ledger.changes.forgotten.add(device)

    def open_updates(self) -> Iterator[Update]:
        """Yield the updates that are not over."""
        return (update for update in self._updates.values() if not update.state.is_terminal)

    def all(self) -> Iterator[Update]:
        """Yield the newest update of each module of each device."""
        return iter(self._updates.values())

    def census(self) -> tuple[Counter[State], int]:
        """Count open updates by state, and the stalled ones."""
        states = Counter(update.state for update in self.open_updates())
        return states, sum(update.stalled for update in self.open_updates())

    def has_asked_anew(self, update: Update, *, since: float) -> bool:
        """Say whether the device has said what it runs since then, and since it spoke of the update."""
        return self._said_at.get((update.device, update.module), 0.0) > max(update.touched_at, since)

    def note_version(self, device: DeviceId, module: Module, version: Version) -> None:
        """Remember what runs; of a device that has something to install also when it was said last."""
        part = (device, module)
        known, update = self._versions.get(part), self._updates.get(part)
        awaits = update is not None and update.ordered and not update.state.is_terminal
        if known == version and not awaits:
            return
        self._ledger.remember(partial(put_back, self._said_at, part, self._said_at.get(part)))
        self._said_at[part] = self._clock.now()
        self.known.add(device, module)
        self._versions[part] = version
        self._ledger.changes.versions[part] = version
        self._ledger.remember(partial(put_back, self._versions, part, known))

    def act(self, outcome: Outcome, said: bytes = b"") -> bool:
        """Take over what an event made of an update, and tell the clouds; False when it changed nothing.

        `said` are its device's own words, which stand in the timeline unless they told no more than progress.
        """
        update = outcome.update
        if update is None or outcome.verdict not in CHANGES:
            self._suppressed(outcome.verdict).inc()
            if update is not None and said and outcome.verdict in _IGNORED:
                self._note_ignored(update, outcome.verdict, said)
            return False
        part = (update.device, update.module)
        self._ledger.remember(partial(put_back, self._updates, part, self._updates.get(part)))
        self.known.add(update.device, update.module)
        self._updates[part] = update
        if outcome.closed is not None:
            self._entered(outcome.closed)
            self.on_superseded(outcome.closed, update)
        if said and outcome.verdict is not Verdict.PROGRESSED:
            self.note(update, "said", in_its_words(said))
        match outcome.verdict:
            case Verdict.PROGRESSED:
                self._progressed(update)
            case Verdict.NOTED:
                self._changed(update)
            case Verdict.AGREED:
                self._changed(update)
                self._tell_progress(update)
            case Verdict.RETRIED:
                self._retried(update)
            case _:
                self._entered(update)
        return True

    def note(self, update: Update, source: str, text: str) -> None:
        """Write a line into the update's timeline."""
        entry = Entry(device=update.device, update=update.id, source=source, text=text)
        self._ledger.changes.journal.append(entry)

    def _note_ignored(self, update: Update, verdict: Verdict, said: bytes) -> None:
        """Write once for each update that its device said something which changes it no more."""
        part = (update.device, update.module)
        before = self._ignored.get(part)
        if before != update.id:
            self._ignored[part] = update.id
            self._ledger.remember(partial(put_back, self._ignored, part, before))
            self.note(update, "said", in_its_words(said))
            self.note(update, "understood", f"ignored as {verdict}")

    def _progressed(self, update: Update) -> None:
        changes = self._ledger.changes
        if update.id in changes.updates:
            changes.updates[update.id] = update
        else:
            changes.progressed[update.id] = update
        self._tell_progress(update)

    def _tell_progress(self, update: Update) -> None:
        event = update.report()
        for lane in self._lanes(update):
            self._ledger.changes.progress[lane, update.id] = Message(
                lane=lane, update=update.id, kind=Kind.PROGRESS, event=event
            )

    def _tell(self, update: Update, kind: Kind) -> None:
        event, changes = update.report(), self._ledger.changes
        for lane in self._lanes(update):
            changes.progress.pop((lane, update.id), None)
            changes.messages.append(Message(lane=lane, update=update.id, kind=kind, event=event))

    def _changed(self, update: Update) -> None:
        """Write the whole of it, and no progress of before over it."""
        self._ledger.changes.progressed.pop(update.id, None)
        self._ledger.changes.updates[update.id] = update

    def _retried(self, update: Update) -> None:
        changes = self._ledger.changes
        self._changed(update)
        for lane in self._lanes(update):
            changes.progress.pop((lane, update.id), None)
        self._metrics.retried.labels(update.reason).inc()
        self.note(update, "understood", f"failed with {update.reason}; begins anew ({update.retries})")

    def _entered(self, update: Update) -> None:
        self._changed(update)
        event = update.report()
        self.note(update, "understood", codec.encode(event))
        if update.confirmed and update.state in ANNOUNCEMENTS:
            # It carries a consent, which a cloud may not take yet: what comes next takes its place.
            self._tell_progress(update)
        else:
            self._tell(update, Kind.TERMINAL if update.state.is_terminal else Kind.TRANSITION)
        if update.state is State.SUCCEEDED:
            self.note_version(update.device, update.module, update.target)
        self._tally.entered(update)

    def _lanes(self, update: Update) -> tuple[Lane, ...]:
        rules = self.rules(update.device)
        if rules is None or not rules.tells:
            return ()
        return tuple(lane for lane in rules.lanes if not self.is_none_of(update, lane))


def put_back(memory: dict[K, V], key: K, value: V | None) -> None:
    """Let memory hold what it held before, or nothing."""
    if value is None:
        memory.pop(key, None)
    else:
        memory[key] = value
