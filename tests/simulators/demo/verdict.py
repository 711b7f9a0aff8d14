"""Whether the clouds' own records agree with what the devices know to have said. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulators.demo.site import TARGET, Member
from tests.simulators.fleet import Ending, Result

Call = Mapping[str, Any]
Truth = Mapping[str, Mapping[str, Result]]


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
        if self.illegal:
            said.append(f"{self.name} heard {self.illegal} reports that break its order of states")
        return said


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


def hearing_of_tencent(site: Sequence[Member], truth: Truth, calls: Sequence[Call]) -> Hearing:
    """Judge Tencent's record: ``done``, or ``fail`` with a code, once for each device."""
    expected = {
        device: "done" if ending.state == "done" else f"fail {ending.tencent}"
        for device, ending in endings(site, truth).items()
    }
    return _hearing("Tencent", calls, expected, _tencent_final)


def hearing_of_onenet(site: Sequence[Member], truth: Truth, calls: Sequence[Call]) -> Hearing:
    """Judge OneNET's record: one result other than 101 for each device with a task."""
    with_task = [each for each in site if each.has_task]
    names = {each.device.address: each.dev_id for each in with_task}
    expected = {
        names[device]: f"result {ending.onenet}" for device, ending in endings(with_task, truth).items()
    }
    return _hearing("OneNET", calls, expected, _onenet_final)


def endings(site: Sequence[Member], truth: Truth) -> dict[str, Ending]:
    """Return how the devices that have finished ended."""
    found = {}
    for each in site:
        result = truth[each.device.address].get(TARGET)
        if result is not None and result.ending is not None:
            found[each.device.address] = result.ending
    return found


def _hearing(
    name: str, calls: Sequence[Call], expected: Mapping[str, str], final: Callable[[str], str]
) -> Hearing:
    heard = [call for call in calls if call["said"] and call["reply"] == "ok"]
    finals: defaultdict[str, list[str]] = defaultdict(list)
    for call in heard:
        if ended := final(call["said"]):
            finals[call["device"]].append(ended)
    return Hearing(
        name=name,
        heard=len(heard),
        illegal=sum(call["verdict"] == "illegal" for call in calls),
        unheard=sum(call["verdict"] == "unheard" for call in calls),
        expected=expected,
        finals=finals,
    )


def _tencent_final(said: str) -> str:
    word = said.partition(" ")[0]  # "done 100" carries its percent
    return "done" if word == "done" else said if word == "fail" else ""


def _onenet_final(said: str) -> str:
    return said if said.startswith("result ") and said != "result 101" else ""
