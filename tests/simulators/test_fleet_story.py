"""The stories of the fleet: seeded, complete, and with one end whatever the temper."""

from random import Random

import pytest

from tests.simulators.fleet import DONE, ROLLED_BACK, Device, Ending, cast
from tests.simulators.fleet.device import Dialect, Plot, Success, Temper
from tests.simulators.fleet.ending import results_of
from tests.simulators.fleet.saying import Saying, Word
from tests.simulators.fleet.story import FAILURES, UNSPOKEN, Act, Babble, Say, Sleep, sayings_of, tell
from tests.simulators.fleet.temper import GARBAGE, disturb

SEEDS = range(25)
DIALECTS: tuple[Dialect, ...] = ("plain", "tencent")
PLOTS: tuple[Plot, ...] = ("smooth", "terse", "failing", "rolled_back")
TEMPERS: tuple[Temper, ...] = ("steady", "flapping", "duplicating", "garbling", "sleepy")


def a_device(
    dialect: Dialect = "plain",
    plot: Plot = "smooth",
    temper: Temper = "steady",
    success: Success = "on_version_match",
    targets: tuple[str, ...] = ("2.0",),
) -> Device:
    """Make a device up."""
    return Device(
        product="P",
        name="d",
        secret="AAAA",
        dialect=dialect,
        plot=plot,
        temper=temper,
        success=success,
        targets=targets,
    )


def played(device: Device, seed: int) -> list[Act]:
    """Return what the device will do."""
    dice = Random(seed)
    return disturb(tell(device, dice), device.temper, dice)


def ending(device: Device, seed: int, target: str = "2.0") -> Ending | None:
    """Return how it ends when everything is acknowledged."""
    return results_of(sayings_of(played(device, seed)), device.success)[target].ending


def words(acts: list[Act]) -> list[str]:
    """Return what is said, without the progress."""
    return [str(each) for each in sayings_of(acts) if each.word is not Word.DOWNLOADING]


def test_the_same_seed_tells_the_same_story() -> None:
    """A run can be repeated."""
    device = a_device(plot="failing", temper="flapping")
    assert played(device, 3) == played(device, 3)
    assert len({tuple(played(device, seed)) for seed in SEEDS}) > len(SEEDS) / 2


def test_a_smooth_update_goes_forward_and_proves_itself() -> None:
    """Progress only grows, and the new version is said after done."""
    acts = played(a_device(), 1)
    percents = [each.percent or 0 for each in sayings_of(acts) if each.word is Word.DOWNLOADING]
    assert percents == sorted(set(percents))
    assert len(percents) > 15
    states = ["downloaded", "verified", "installing", "applying", "done"]
    assert words(acts) == ["version 1.0", *states, "version 2.0"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("plot", PLOTS)
def test_only_what_the_dialect_can_say(dialect: Dialect, plot: Plot) -> None:
    """Tencent's SDKs have no word for verified, applying and rejected."""
    for seed in SEEDS:
        said = {each.word for each in sayings_of(played(a_device(dialect, plot), seed))}
        assert said.isdisjoint(UNSPOKEN[dialect])


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("plot", PLOTS)
@pytest.mark.parametrize("temper", TEMPERS)
def test_a_temper_changes_nothing_in_the_end(dialect: Dialect, plot: Plot, temper: Temper) -> None:
    """However a device behaves, its plot decides."""
    for seed in SEEDS:
        found = ending(a_device(dialect, plot, temper), seed)
        assert found is not None
        match plot:
            case "smooth" | "terse":
                assert found == DONE
            case "rolled_back":
                assert found == ROLLED_BACK
            case "failing":
                assert found.state == "fail"
                assert found != ROLLED_BACK


@pytest.mark.parametrize("temper", ["flapping", "garbling", "sleepy"])
def test_a_temper_shows_at_least_once(temper: Temper) -> None:
    """No seed makes a disturbed device a steady one."""
    for seed in SEEDS:
        acts = played(a_device(plot="terse", temper=temper), seed)
        assert any(isinstance(act, Babble | Sleep) or (isinstance(act, Say) and act.is_cut) for act in acts)


def test_a_duplicating_device_says_everything_twice() -> None:
    """Twice, and at once."""
    said = sayings_of(played(a_device(temper="duplicating"), 1))
    assert said[::2] == said[1::2]


def test_the_first_failure_counts() -> None:
    """The vendor's C sample says -2 and then -5 for one failure."""
    doubles = 0
    for seed in SEEDS:
        device = a_device("tencent", "failing")
        failed = [each.failure for each in sayings_of(played(device, seed)) if each.failure]
        doubles += len(failed) == 2
        found = ending(device, seed)
        assert found is not None
        assert found.tencent == failed[0].tencent
    assert doubles


def test_every_failure_happens() -> None:
    """No reason is left to chance alone."""
    for dialect in DIALECTS:
        told = {
            each.failure
            for seed in range(200)
            for each in sayings_of(played(a_device(dialect, "failing"), seed))
            if each.failure
        }
        assert told >= set(FAILURES[dialect])


def test_done_is_enough_where_the_product_says_so() -> None:
    """With on_done, the old version afterwards changes nothing."""
    assert ending(a_device(plot="rolled_back", success="on_done"), 1) == DONE


def test_nothing_is_certain_before_the_end() -> None:
    """What was not acknowledged does not count, and a version report alone ends nothing."""
    said = sayings_of(played(a_device(plot="rolled_back"), 1))
    assert results_of(said[:-1], "on_version_match")["2.0"].ending is None
    begun = [Saying(word=Word.VERSION, version="2.0", target="2.0")]
    assert results_of(begun, "on_version_match")["2.0"].ending is None


def test_one_update_after_the_other() -> None:
    """The second starts from what the first has left."""
    device = a_device(targets=("2.0", "3.0"))
    assert [ending(device, 1, target) for target in ("2.0", "3.0")] == [DONE, DONE]
    assert [word for word in words(played(device, 1)) if word.startswith("version")] == [
        "version 1.0",
        "version 2.0",
        "version 2.0",
        "version 3.0",
    ]


def test_a_cast_has_everybody() -> None:
    """Twenty-five devices are enough to meet every plot and temper."""
    devices = cast("P", 25)
    assert {device.plot for device in devices} == set(PLOTS)
    assert {device.temper for device in devices} == set(TEMPERS)
    assert len({device.secret for device in devices}) == 25


def test_garbage_is_garbage() -> None:
    """None of it is an object that says what it is, apart from the dance."""
    assert not [each for each in GARBAGE if each.endswith(b"}") and each != b'{"type":"dance"}']
