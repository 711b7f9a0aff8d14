"""What may still be said to a cloud about an update."""

from dataclasses import replace

import pytest

from gateway.core.conversation import MAX_CODES, Codes, closing, is_news, reached
from gateway.errors import Rejected, Unavailable
from gateway.model.commands import Command, TaskAbsent, TaskCanceled, TaskConflict
from gateway.model.identity import DEFAULT_MODULE, UpdateId
from gateway.model.states import STEPS, State, Step
from gateway.ports.store import Claim, Kind
from tests.unit.core.house import DEVICE, ONE, V2, told

TRANSITION = Claim(
    message=1,
    queue=1,
    revision=0,
    lane=ONE,
    update=UpdateId("u"),
    kind=Kind.TRANSITION,
    event=told(State.DOWNLOADING),
    size=1,
    attempts=0,
    enqueued_at=0.0,
    after=None,
    closed=None,
    source=None,
)


@pytest.mark.parametrize("state", State)
def test_a_cloud_that_heard_nothing_may_hear_everything(state: State) -> None:
    """The first word may be any."""
    assert is_news(replace(TRANSITION, event=told(state)))


@pytest.mark.parametrize(("after", "state"), STEPS)
def test_only_what_goes_forward_is_news(after: State, state: State) -> None:
    """By the same table that understood the device."""
    claim = replace(TRANSITION, event=told(state), after=after)
    assert is_news(claim) is (STEPS[after, state] is Step.ADVANCE)


@pytest.mark.parametrize(
    ("after", "news"), [(State.DOWNLOADING, True), (State.DOWNLOADED, False), (State.FAILED, False)]
)
def test_progress_is_news_as_long_as_the_state_stands(after: State, news: bool) -> None:  # noqa: FBT001 - of the test
    """Also where a transition and its progress have the same state."""
    claim = replace(TRANSITION, kind=Kind.PROGRESS, event=told(State.DOWNLOADING, percent=9), after=after)
    assert is_news(claim) is news


def test_a_closed_conversation_has_no_news() -> None:
    """Whatever it would be."""
    assert not is_news(replace(TRANSITION, closed="canceled"))


@pytest.mark.parametrize(
    ("kind", "word"), [(TaskAbsent, "not_applicable"), (TaskCanceled, "canceled"), (TaskConflict, "conflict")]
)
def test_a_task_that_is_gone_closes(kind: type[TaskAbsent | TaskCanceled | TaskConflict], word: str) -> None:
    """With the word that stands in the store."""
    command: Command = kind(device=DEVICE, module=DEFAULT_MODULE, version=V2)
    assert closing([command]) == word


def test_nothing_taught_closes_nothing() -> None:
    """The ordinary reply."""
    assert closing(()) is None


@pytest.mark.parametrize(
    ("word", "state"), [("downloaded", State.DOWNLOADED), ("half way", None), (None, None)]
)
def test_how_far_a_call_got_is_a_state_or_nothing(word: str | None, state: State | None) -> None:
    """An adapter's misspelling counts for nothing."""
    error = Unavailable("down")
    error.reached = word
    assert reached(error) is state


def test_codes_stay_a_small_set() -> None:
    """Whatever a cloud may say, the metric does not grow."""
    codes = Codes()
    known = [codes.bounded(f"E{number}") for number in range(MAX_CODES)]
    assert known == [f"E{number}" for number in range(MAX_CODES)]
    assert (codes.bounded("one more"), codes.bounded("E1")) == ("other", "E1")
    assert Codes().bounded("x" * 100) == "other"


def test_what_a_cloud_says_in_half_characters_can_be_written() -> None:
    """JSON can smuggle in half a surrogate pair, which no log, label or database takes."""
    error = Rejected("code\ud83d", "text\ud83d" * 1000)
    assert str(error).encode()
    assert len(error.reason) == 1024
