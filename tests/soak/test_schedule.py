"""What strikes when is a function of the seed and the minutes, and is real life."""

from itertools import pairwise

import pytest

from tests.fire.mqtt.by_name import attack_of
from tests.soak.faults import fault
from tests.soak.hostile import FUZZED
from tests.soak.schedule import HOSTILE, RESTARTING, RESTARTS, TRACKS, Planned, schedule


def by_track(planned: list[Planned], track: str) -> list[Planned]:
    """Return what happens on one track."""
    return [each for each in planned if each.track == track]


def test_the_same_seed_and_minutes_make_the_same_schedule() -> None:
    """And another seed another one."""
    assert schedule(7, 10) == schedule(7, 10)
    assert schedule(7, 10) != schedule(8, 10)


@pytest.mark.parametrize("minutes", [0.5, 5, 60])
@pytest.mark.parametrize("track", TRACKS)
def test_one_fault_of_a_track_heals_before_the_next_one_begins(track: str, minutes: float) -> None:
    """And none outlasts the soak."""
    planned = by_track(schedule(7, minutes), track)
    assert planned
    assert all(one.at + one.seconds < other.at for one, other in pairwise(planned))
    assert planned[-1].at + planned[-1].seconds <= minutes * 60


def test_an_hour_has_every_kind_of_every_track() -> None:
    """Whatever the seed."""
    for seed in range(5):
        planned = schedule(seed, 60)
        for name, track in TRACKS.items():
            assert {each.kind for each in by_track(planned, name)} == set(track.kinds)


def test_faults_of_different_tracks_mix() -> None:
    """At some moments of an hour four are at work at once."""
    planned = schedule(7, 60)
    at_once = [sum(each.at <= one.at < each.at + each.seconds for each in planned) for one in planned]
    assert max(at_once) >= 4


def test_between_the_restarts_is_a_stretch_for_the_memory() -> None:
    """Half an hour of an hour, on either side of which there are restarts."""
    restarts = [each.at / 3600 for each in schedule(7, 60) if each.kind in RESTARTS]
    (_, calm_from), (calm_to, _) = RESTARTING
    assert (calm_to - calm_from) * 60 > 30
    assert any(at < calm_from for at in restarts)
    assert any(at >= calm_to for at in restarts)
    assert not any(calm_from <= at < calm_to for at in restarts)


def test_every_kind_can_be_played() -> None:
    """None of the schedule's words is unknown to those who play."""
    for name, track in TRACKS.items():
        for kind in track.kinds:
            assert callable(fault(name, kind))
    assert all(kind in FUZZED or callable(attack_of(kind)) for kind in HOSTILE)
