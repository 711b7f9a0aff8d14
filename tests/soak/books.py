"""The books: what each update must come to, and what the clouds' own records say of it.

They are read every second, and what has been read the clouds forget, so that an hour costs them no more than a minute.
The judgement is the demo's.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulators.demo.clouds import Cloud
from tests.simulators.demo.site import Member
from tests.simulators.demo.verdict import Hearing, hearing_of_onenet, hearing_of_tencent
from tests.simulators.fleet import Ending

Call = Mapping[str, Any]
SHOWN = 20  # illegal calls that are kept to be shown
LIARS = "P/bad"
"""The devices of the hostile visits: they say at random that one version is done, failed, refused, and done again."""


@dataclass(slots=True, kw_only=True)
class Update:
    """One update of one device; `ending` is what it came to by the device's own account."""

    member: Member
    version: str
    #: Whether OneNET has a task for it; Tencent is told of everything.
    at_onenet: bool
    ending: Ending | None = None


@dataclass(slots=True)
class Page:
    """What one cloud said of all updates."""

    name: str
    read_to: int = 0
    #: (device, version) → the calls that end it.
    finals: defaultdict[tuple[str, str], list[Call]] = field(default_factory=lambda: defaultdict(list))
    illegal: list[Call] = field(default_factory=list)
    illegal_by_reason: Counter[str] = field(default_factory=Counter)
    #: Out of order because a hostile device contradicts itself: it is told as it says, and harms its own record alone.
    lies: int = 0
    #: Ends that came again after an injected fault, as they may: by the fault's name there is no telling.
    excused: int = 0

    def enter(self, calls: Sequence[Call]) -> None:
        """Take new calls down."""
        for call in calls:
            self.read_to = call["order"]
            if call["verdict"] == "illegal":
                self._enter_illegal(call)
            if not _ends(call["said"]):
                continue
            if call["verdict"] == "resend":
                self.excused += 1
            elif call["reply"] == "ok":
                self.finals[call["device"], call["version"]].append(call)

    def _enter_illegal(self, call: Call) -> None:
        if call["device"].startswith(LIARS):
            self.lies += 1
            return
        self.illegal_by_reason[call["why"]] += 1
        if len(self.illegal) < SHOWN:
            self.illegal.append(call)


def _ends(said: str) -> bool:
    word = said.partition(" ")[0]
    return word in ("done", "fail") or (word == "result" and said != "result 101")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What there is to say at the end; a sentence for everything that is not as it should be."""

    updates: int
    endings: Mapping[str, int]
    lost: Sequence[str]
    unfinished: Sequence[str]
    #: Heard otherwise than meant, or more than once.
    wrong: Sequence[str]


class Books:
    """All updates, and both clouds' pages."""

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.pages = {"tencent": Page("tencent"), "onenet": Page("onenet")}

    def open(self, member: Member, version: str, *, at_onenet: bool) -> Update:
        """Begin an update."""
        update = Update(member=member, version=version, at_onenet=at_onenet)
        self.updates.append(update)
        return update

    async def harvest(self, cloud: Cloud) -> None:
        """Read what a cloud has heard since."""
        page = self.pages[cloud.name]
        page.enter(await cloud.calls_since(page.read_to))

    def has_heard(self, update: Update) -> bool:
        """Say whether every cloud that must know has heard an end."""
        at_tencent = (update.member.device.address, update.version) in self.pages["tencent"].finals
        at_onenet = (update.member.dev_id, update.version) in self.pages["onenet"].finals
        return at_tencent and (at_onenet or not update.at_onenet)

    def judge(self) -> Judgement:
        """Compare, version by version."""
        by_version: defaultdict[str, list[Update]] = defaultdict(list)
        for update in self.updates:
            by_version[update.version].append(update)
        lost, wrong = list[str](), list[str]()
        for version, updates in sorted(by_version.items()):
            for hearing in self._hearings(version, [each for each in updates if each.ending]):
                missing = [f"{hearing.name}: {device} to {version}" for device in hearing.lost]
                lost += missing
                told = [each for each in hearing.differences() if "never heard how" not in each]
                wrong += [f"{version}: {each}" for each in told]
        return Judgement(
            updates=len(self.updates),
            endings=dict(Counter(each.ending.why for each in self.updates if each.ending)),
            lost=lost,
            unfinished=sorted(
                f"{each.member.device.address} to {each.version}"
                for each in self.updates
                if each.ending is None
            ),
            wrong=wrong,
        )

    def _hearings(self, version: str, updates: Sequence[Update]) -> Iterator[Hearing]:
        endings = {each.member.device.address: each.ending for each in updates if each.ending is not None}
        site = [replace(each.member, has_task=each.at_onenet) for each in updates]
        yield hearing_of_tencent(endings, self._calls("tencent", version, set(endings)))
        yield hearing_of_onenet(site, endings, self._calls("onenet", version, {each.dev_id for each in site}))

    def _calls(self, cloud: str, version: str, devices: set[str]) -> list[Call]:
        finals = self.pages[cloud].finals
        return [call for device in sorted(devices) for call in finals.get((device, version), ())]
