"""What failed and may pass is begun anew before any cloud hears of it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.model.events import StateReported
from gateway.model.identity import Version
from gateway.model.policy import PASSING, Policy
from gateway.model.states import TERMINAL, Phase, Reason, State
from gateway.model.update import MAX_DOUBLINGS, Update, Verdict
from tests.unit.model.stories import DEVICE, STRICT, V1, V2, Story, announced, runs, says

OPEN = [state for state in State if state not in TERMINAL]
FAILED = replace(says(State.FAILED), phase=Phase.DOWNLOAD, reason=Reason.CONNECTION_LOST, code="-1")


def ordered(state: State = State.NOTIFIED, *, retries: int = 2, pause: float = 60.0, **more: object) -> Story:
    """Begin a story with an update that a cloud ordered."""
    update = Update(device=DEVICE, target=V2, state=state, source=V1, ordered=True, synthetic=True)
    kept = replace(update, retries_left=retries, retry_pause=pause, **more)  # type: ignore[arg-type]
    return Story(update=kept, running=V1)


def failing(story: Story, *, times: int) -> Story:
    """Let the device be told and fail so often."""
    for _ in range(times):
        story.tell(announced(), FAILED)
    return story


@pytest.mark.parametrize("state", [State.NOTIFIED, State.DOWNLOADING, State.VERIFIED, State.INSTALLING])
def test_it_is_queued_again_and_nobody_is_told(state: State) -> None:
    """With the words of the failure, for people."""
    story = ordered(state).tell(FAILED)
    update = story.current
    assert (story.verdicts, story.told) == ([Verdict.RETRIED], [])
    assert (update.state, update.retries, update.retries_left, update.ordered) == (State.QUEUED, 1, 1, True)
    assert (update.reason, update.code, update.synthetic) == (Reason.CONNECTION_LOST, "-1", True)
    assert update.number == 1


def test_the_pauses_grow() -> None:
    """Each is twice as long as the one before, up to a bound."""
    story, pauses = ordered(retries=MAX_DOUBLINGS + 3), []
    for _ in range(MAX_DOUBLINGS + 3):
        failing(story, times=1)
        pauses.append(story.current.not_before - story.now)
    assert pauses[:4] == [60.0, 120.0, 240.0, 480.0]
    assert pauses[-1] == pauses[-2] == 60.0 * 2**MAX_DOUBLINGS


def test_only_the_last_failure_is_told() -> None:
    """When no try is left, the first terminal report of the update is its only one."""
    story = failing(ordered(retries=2), times=3)
    assert [update.state for update in story.told if update.state.is_terminal] == [State.FAILED]
    assert (story.verdicts[-1], story.current.retries) == (Verdict.ADVANCED, 2)


@pytest.mark.parametrize("retries", [0, -1])
def test_without_retries_the_first_failure_is_the_end(retries: int) -> None:
    """Less than none is none."""
    assert ordered(retries=retries).tell(FAILED).current.state is State.FAILED


@pytest.mark.parametrize("reason", sorted(set(Reason) - PASSING))
def test_what_lasts_is_the_end(reason: Reason) -> None:
    """Trying again would be failing again."""
    assert ordered().tell(replace(FAILED, reason=reason)).current.state is State.FAILED


@pytest.mark.parametrize("reason", sorted(PASSING))
def test_what_passes_is_tried_again(reason: Reason) -> None:
    """Unless the product says otherwise."""
    story = ordered().tell(replace(FAILED, reason=reason))
    assert story.verdicts == [Verdict.RETRIED]
    strict = ordered()
    strict.policy = Policy(retry_reasons=frozenset())
    assert strict.tell(replace(FAILED, reason=reason)).current.state is State.FAILED


@pytest.mark.parametrize("end", [State.REJECTED, State.TIMED_OUT, State.CANCELED])
def test_an_end_that_is_no_failure_is_an_end(end: State) -> None:
    """A device that refuses will refuse again."""
    assert ordered().tell(replace(FAILED, state=end)).current.state is end


def test_the_second_report_of_one_failure_burns_nothing() -> None:
    """Vendor SDKs send -2 and then -5 for one failure."""
    second = replace(FAILED, reason=Reason.INSTALL_FAILED, code="-5")
    story = ordered(retries=1).tell(FAILED, FAILED, second)
    assert story.verdicts == [Verdict.RETRIED, Verdict.STALE, Verdict.STALE]
    assert (story.current.state, story.current.retries_left) == (State.QUEUED, 0)


def test_what_comes_again_of_the_try_before_is_stale() -> None:
    """A redelivered report is no new start; it would make the second failure report count."""
    again = replace(says(State.DOWNLOADING, percent=80), redelivered=True)
    story = ordered().tell(FAILED, again, FAILED)
    assert story.verdicts[1:] == [Verdict.STALE, Verdict.STALE]
    assert (story.current.state, story.current.retries_left) == (State.QUEUED, 1)


def test_a_device_may_begin_anew_by_itself() -> None:
    """Before it is told: it goes on from there."""
    story = ordered().tell(FAILED, says(State.DOWNLOADING), FAILED)
    assert story.verdicts == [Verdict.RETRIED, Verdict.ADVANCED, Verdict.RETRIED]


def test_a_first_try_has_nothing_left_over() -> None:
    """A device that fails before it was told has failed, like any other."""
    assert ordered(State.QUEUED, retries=0).tell(FAILED).current.state is State.FAILED


def test_a_success_that_comes_again_counts() -> None:
    """It may be the first copy that arrives."""
    story = ordered().tell(FAILED, replace(says(State.SUCCEEDED), redelivered=True))
    assert story.current.state is State.SUCCEEDED


def test_the_target_ends_it_while_it_waits() -> None:
    """The device made it after all."""
    assert ordered().tell(FAILED, runs(V2)).current.state is State.SUCCEEDED


def test_a_try_is_whole() -> None:
    """Both orders of installing and applying are open again, and no percent is left."""
    story = ordered().tell(says(State.INSTALLING), says(State.APPLYING), FAILED)
    assert (story.current.both_entered, story.current.percent, story.current.stalled) == (False, None, False)
    story.tell(announced(), says(State.APPLYING), says(State.INSTALLING))
    assert story.verdicts[-2:] == [Verdict.ADVANCED, Verdict.ADVANCED]


def test_a_user_who_agreed_is_not_asked_again() -> None:
    """The consent was to the update, not to the try."""
    story = ordered(State.WAITING_CONFIRMATION, confirmed=True).tell(announced(), FAILED)
    assert (story.current.state, story.current.is_held) == (State.QUEUED, False)


def test_what_fails_before_a_user_agreed_goes_on_waiting_for_him() -> None:
    """An image that could not be had, say: nothing may be sent without the consent."""
    story = ordered(State.WAITING_CONFIRMATION, retries=1)
    story.tell(replace(FAILED, synthetic=True))
    assert story.verdicts == [Verdict.RETRIED]
    assert (story.current.state, story.current.is_held) == (State.WAITING_CONFIRMATION, True)
    story.tell(FAILED)
    assert story.verdicts[-1] is Verdict.STALE


@pytest.mark.parametrize("running", [V1, Version("0.9")], ids=["rolled back", "mismatch"])
def test_a_product_may_try_a_rollback_again(running: Version) -> None:
    """Disproved success, by the clock alone."""
    story = ordered(State.INSTALLING, retries=1)
    story.policy = replace(
        STRICT,
        retry_reasons=frozenset({Reason.ROLLED_BACK, Reason.VERSION_MISMATCH}),
        rollback_after=timedelta(seconds=30),
    )
    story.tell(says(State.SUCCEEDED), runs(running)).wait(31)
    assert story.verdicts[-1] is Verdict.RETRIED
    story.tell(announced(), says(State.SUCCEEDED), runs(running)).wait(31)
    assert (story.current.state, story.current.phase) == (State.FAILED, Phase.CONFIRM)


def test_time_that_ran_out_is_not_tried_again() -> None:
    """A device that is silent would be told twice at once."""
    story = ordered(State.DOWNLOADING)
    story.policy = Policy(times_out=True)
    assert story.wait(1e6).current.state is State.TIMED_OUT


def test_the_failure_that_is_told_keeps_the_device_s_words() -> None:
    """As if there had been one try."""
    event: StateReported = failing(ordered(retries=1), times=2).current.report()
    assert event == FAILED
