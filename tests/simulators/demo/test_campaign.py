"""The demo's campaign: who takes orders, and what it takes for a device to have obeyed."""

from dataclasses import replace

import pytest

from tests.simulators.demo.campaign import Campaign, Deed, Standing
from tests.simulators.demo.roles import SIZES, roles
from tests.simulators.demo.same_build import SameBuild
from tests.simulators.firmware import Firmware
from tests.simulators.fleet import DONE, ROLLED_BACK, Ending
from tests.simulators.fleet.saying import Saying, Word

ROLES = roles(1.0)
OBEDIENT = ROLES[0]
ROLLING_BACK = next(role for role in ROLES if role.rolls_back)
DEED = Deed(role=OBEDIENT, flashes={"2.1": 1}, runs="2.1", boots=2, misunderstood=0, ending=DONE)


def say(campaign: Campaign, word: Word, version: str, *, percent: int | None = None) -> None:
    """Let the obedient device have said something."""
    saying = Saying(word=word, version=version, target=version, percent=percent)
    campaign.takers[OBEDIENT.device.address].said.append(saying)


def test_the_cast_has_what_is_announced() -> None:
    """Both ways to an image, both clouds, and one device for each thing that happens."""
    assert {role.manner.fetch for role in ROLES} == {"http", "chunks"}
    assert {role.ordered_by for role in ROLES} == {("tencent", "onenet"), ("tencent",), ("onenet",)}
    assert [role.device.name for role in ROLES if role.is_asleep] == ["pump06"]
    assert [role.device.name for role in ROLES if role.rolls_back] == ["pump05"]
    assert {role.asks: role.device.dialect for role in ROLES if role.asks} == {
        "user": "plain",
        "operator": "tencent",
    }
    assert {role.target for role in ROLES} == set(SIZES)


def test_who_asks_first_is_ordered_by_tencent_alone() -> None:
    """OneNET knows no agreement: its order would not wait for any."""
    assert {role.ordered_by for role in ROLES if role.asks} == {("tencent",)}


def test_one_build_at_both_clouds() -> None:
    """Tencent's image of a version is OneNET's."""
    cloud = SameBuild()
    cloud.create_task("PUMP/pump01", "2.1")
    cloud.firmware["PUMP/2.1"] = Firmware.grown(5000, "PUMP/2.1")
    mine = cloud.firmware_of("PUMP", "2.1")
    assert mine is not None
    assert (mine.image, mine.kind) == (Firmware.grown(5000, "2.1").image, "mcu")
    assert cloud.firmware_of("PUMP", "9.9") is None


def test_a_deed_as_it_should_be() -> None:
    """Flashed once, and the new version runs, or the old one on the device where that was to happen."""
    rolled_back = replace(DEED, role=ROLLING_BACK, runs="1.0", ending=ROLLED_BACK)
    assert [*DEED.differences(), *rolled_back.differences()] == []


@pytest.mark.parametrize(
    ("deed", "sentence"),
    [
        (
            replace(DEED, flashes={"2.1": 2}),
            "PUMP/pump01 wrote its flash: {'2.1': 2}; it should be 2.1, once",
        ),
        (
            replace(DEED, ending=None, runs="1.0"),
            "PUMP/pump01 was to run 2.1 and has not finished; it runs 1.0",
        ),
        (
            replace(DEED, ending=ROLLED_BACK),
            "PUMP/pump01 says that it ended with rolled back; it should be done",
        ),
        (replace(DEED, misunderstood=2), "PUMP/pump01 could not read 2 commands"),
    ],
)
def test_a_deed_that_is_not(deed: Deed, sentence: str) -> None:
    """One sentence for each."""
    assert list(deed.differences()) == [sentence]


def test_where_a_device_stands() -> None:
    """From what it said last."""
    campaign = Campaign(ROLES, ("127.0.0.1", 1))
    assert campaign.standings()[0] == Standing(name="pump01", does="starting")
    say(campaign, Word.VERSION, "1.0")
    assert campaign.standings()[0] == Standing(name="pump01", does="away")


@pytest.mark.parametrize(("version", "ending"), [("2.1", DONE), ("1.0", ROLLED_BACK)])
def test_the_version_after_flashing_is_the_end(version: str, ending: Ending) -> None:
    """A version before it, or a "done" alone, ends nothing."""
    campaign = Campaign(ROLES, ("127.0.0.1", 1))
    say(campaign, Word.VERSION, "1.0")
    assert campaign.endings() == {}
    campaign.takers[OBEDIENT.device.address].memory.flashes["2.1"] += 1
    say(campaign, Word.DONE, "2.1")
    assert campaign.endings() == {}
    say(campaign, Word.VERSION, version)
    assert campaign.endings() == {OBEDIENT.device.address: ending}
