"""Whether the clouds' own records agree with what the devices know to have said and done. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulators.demo.site import TARGET, Member
from tests.simulators.fleet import ROLLED_BACK, Ending, Result

Call = Mapping[str, Any]
#: Device → how its update ended, by its own account.
Endings = Mapping[str, Ending]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What one cloud should have heard in the end, and what it did hear."""

    name: str
    heard: int
    illegal: int
    unheard: int
    #: Device, as the cloud calls it → its terminal report.
    expected: Mapping[str, str]
    finals: Mapping[str, Sequence[str]]
    #: Of `expected`, those that rolled back; and of these, those of which the cloud was told so.
    rolled_back: frozenset[str]
    rollbacks_told: frozenset[str]

    @property
    def lost(self) -> list[str]:
        """Devices whose end the cloud never heard."""
        return sorted(self.expected.keys() - self.finals.keys())

    def differences(self) -> list[str]:
        """Return a sentence for everything that is not as it should be."""
        said = [
            f"{self.name} never heard how {device} ended: {self.expected[device]}" for device in self.lost
        ]
        for device, finals in sorted(self.finals.items()):
            expected = self.expected.get(device)
            if expected is None:
                said.append(f"{self.name} heard {list(finals)} of {device}, which has no task there")
            elif list(finals) != [expected]:
                said.append(f"{self.name} heard {list(finals)} of {device}; it should be {expected}, once")
        untold = sorted(self.rolled_back - self.rollbacks_told)
        said += [f"{self.name} was not told that {device} rolled back" for device in untold]
        if self.illegal:
            said.append(f"{self.name} heard {self.illegal} reports that break its order of states")
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """One image: how often the gateway had it from the clouds, and how many devices had it from the gateway."""

    version: str
    size: int
    #: Cloud → downloads that began at the first byte.
    begun: Mapping[str, int]
    bytes_sent: int
    given: int

    @property
    def times(self) -> int:
        """How often it was fetched."""
        return sum(self.begun.values())

    def differences(self) -> list[str]:
        """Return a sentence for everything that is not as it should be."""
        if self.times == 1 and self.bytes_sent == self.size:
            return []
        had = f"fetched {self.times} times, {self.bytes_sent:,} bytes in all"
        return [f"image {self.version} of {self.size:,} bytes was {had}; once would do"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What the fleet and the gateway counted."""

    sent: int
    resent: int
    acknowledged: int
    garbage: int
    quarantined: int
    suppressed: Mapping[str, int]
    not_applicable: int
    waiting: int
    dead_letters: int
    parked: int

    def differences(self, unended: Iterable[str]) -> list[str]:
        """Return a sentence for everything that is not as it should be."""
        said = [f"{device} has not finished its update" for device in unended]
        if self.sent != self.acknowledged:
            said.append(f"devices sent {self.sent} reports and got {self.acknowledged} acknowledged")
        if self.quarantined != self.garbage:
            said.append(
                f"devices sent {self.garbage} malformed messages, {self.quarantined} are in quarantine"
            )
        left = {"waiting": self.waiting, "refused for good": self.dead_letters, "denied": self.parked}
        return said + [f"the gateway is left with {count} {what}" for what, count in left.items() if count]


def fetched(
    version: str, size: int, *, downloads: Mapping[str, Mapping[str, Mapping[str, int]]], given: int
) -> Fetched:
    """Read the clouds' tallies of an image: cloud → "product/version" or version → what was taken of it."""
    tallies = [
        (cloud, tally)
        for cloud, images in downloads.items()
        for image, tally in images.items()
        if image.rpartition("/")[2] == version
    ]
    return Fetched(
        version=version,
        size=size,
        begun={cloud: tally["begun"] for cloud, tally in tallies},
        bytes_sent=sum(tally["sent"] for _, tally in tallies),
        given=given,
    )


def hearing_of_tencent(endings: Endings, calls: Sequence[Call]) -> Hearing:
    """Judge Tencent's record: ``done``, or ``fail`` with a code, once for each device."""
    expected = {
        device: "done" if ending.state == "done" else f"fail {ending.tencent}"
        for device, ending in endings.items()
    }
    rolled_back = frozenset(device for device, ending in endings.items() if ending == ROLLED_BACK)
    return _hearing("Tencent", calls, expected, rolled_back, _tencent_final)


def hearing_of_onenet(site: Sequence[Member], endings: Endings, calls: Sequence[Call]) -> Hearing:
    """Judge OneNET's record: one result other than 101 for each device with a task."""
    named = {each.dev_id: endings.get(each.device.address) for each in site if each.has_task}
    ended = {dev_id: ending for dev_id, ending in named.items() if ending is not None}
    expected = {dev_id: f"result {ending.onenet}" for dev_id, ending in ended.items()}
    rolled_back = frozenset(dev_id for dev_id, ending in ended.items() if ending == ROLLED_BACK)
    return _hearing("OneNET", calls, expected, rolled_back, _onenet_final)


def endings_of(truth: Mapping[str, Mapping[str, Result]]) -> dict[str, Ending]:
    """Return how the devices that update by themselves ended, of those that have finished."""
    results = {device: versions.get(TARGET) for device, versions in truth.items()}
    return {device: result.ending for device, result in results.items() if result and result.ending}


def _hearing(
    name: str,
    calls: Sequence[Call],
    expected: Mapping[str, str],
    rolled_back: frozenset[str],
    final: Callable[[str], str],
) -> Hearing:
    heard = [call for call in calls if call["said"] and call["reply"] == "ok"]
    finals: defaultdict[str, list[str]] = defaultdict(list)
    rollbacks: set[str] = set()
    for call in heard:
        if ended := final(call["said"]):
            finals[call["device"]].append(ended)
            if call["device"] in rolled_back and _says_rolled_back(call):
                rollbacks.add(call["device"])
    return Hearing(
        name=name,
        heard=len(heard),
        illegal=sum(call["verdict"] == "illegal" for call in calls),
        unheard=sum(call["verdict"] == "unheard" for call in calls),
        expected=expected,
        finals=finals,
        rolled_back=rolled_back,
        rollbacks_told=frozenset(rollbacks),
    )


def _says_rolled_back(call: Call) -> bool:
    """Look for the reason: Tencent has room for a text; OneNET has only its number, which is judged elsewhere."""
    return "ROLLED_BACK" in call["body"].get("ResultMsg", "ROLLED_BACK")


def _tencent_final(said: str) -> str:
    word = said.partition(" ")[0]  # "done 100" carries its percent
    return "done" if word == "done" else said if word == "fail" else ""


def _onenet_final(said: str) -> str:
    return said if said.startswith("result ") and said != "result 101" else ""
