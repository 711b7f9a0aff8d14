"""What each answer of OneNET makes of the rest of a delivery."""

import pytest

from adapters.onenet.conversation import Act, Conversation, act_on
from adapters.onenet.wire import Progress, Report, Request, TokenCheck
from gateway.model.events import StateReported
from gateway.model.states import Phase, Reason, State
from tests.unit.adapters.events import event, failed

CHECK = TokenCheck()
SUCCESS = event(State.SUCCEEDED)


def say(
    after: State | None, told: StateReported, *errnos: int
) -> tuple[list[Request], list[Act], Conversation]:
    """Answer the requests of a delivery in turn; return what was sent and what each answer asked."""
    talk, sent, acts = Conversation(after, told), [], []
    for errno in errnos:
        assert talk.pending is not None
        sent.append(talk.pending)
        acts.append(talk.hear(errno))
    return sent, acts, talk


def test_acknowledged_requests_go_one_by_one() -> None:
    """A success that the cloud has heard nothing of is told in three requests."""
    sent, acts, talk = say(None, SUCCESS, 0, 0, 0)

    assert sent == [CHECK, Report(101), Report(201)]
    assert acts == [Act.GO_ON] * 3
    assert talk.pending is None


def test_reached_is_known_once_101_was_taken() -> None:
    """What the cloud took on the way is remembered when the rest fails."""
    assert say(None, SUCCESS, 0)[2].reached is None
    assert say(None, SUCCESS, 0, 0)[2].reached is State.DOWNLOADED
    assert say(State.INSTALLING, SUCCESS)[2].reached is None


def test_finished_is_a_success_for_who_tells_of_one() -> None:
    """Errno 20 means that an earlier 201 was taken and its reply lost."""
    _, acts, talk = say(State.DOWNLOADED, SUCCESS, 20)

    assert acts == [Act.GO_ON]
    assert talk.pending is None


@pytest.mark.parametrize("told", [event(State.DOWNLOADED), failed(Phase.INSTALL, Reason.UNKNOWN)])
def test_finished_is_a_conflict_for_others(told: StateReported) -> None:
    """Errno 20 contradicts whoever does not tell of a success."""
    assert say(State.DOWNLOADING, told, 20)[1] == [Act.FINISHED]


def test_second_101_counts_as_taken() -> None:
    """Errno 21 on a 101 means that an earlier one was taken, and 201 follows."""
    sent, _, talk = say(State.DOWNLOADING, SUCCESS, 21, 0)

    assert sent == [Report(101), Report(201)]
    assert (talk.pending, talk.reached) == (None, State.DOWNLOADED)


def test_token_check_in_a_wrong_state_means_upgrading() -> None:
    """Errno 17 on the token check means that 101 was taken before, so that only 2xx follow."""
    sent, _, talk = say(None, SUCCESS, 17, 0)

    assert sent == [CHECK, Report(201)]
    assert talk.pending is None


def test_download_failure_turns_into_206_while_upgrading() -> None:
    """A task that turns out to be upgrading hears of a failed download as of a failed install."""
    lost = failed(Phase.DOWNLOAD, Reason.CONNECTION_LOST)

    assert say(None, lost, 17, 0)[0] == [CHECK, Report(206)]
    assert say(State.DOWNLOADING, lost, 21, 0)[0] == [Report(106), Report(206)]


def test_premature_201_is_put_in_order_once() -> None:
    """Errno 21 on a 201 lets the task be opened, 101 and 201 follow once, and then it is refused."""
    sent, acts, talk = say(State.CONFIRMING, SUCCESS, 21, 0, 0, 0)
    assert sent == [Report(201), CHECK, Report(101), Report(201)]
    assert talk.pending is None

    _, acts, _ = say(State.CONFIRMING, SUCCESS, 21, 0, 0, 21)
    assert acts[-1] is Act.REJECT


def test_step_that_comes_too_late_is_let_go() -> None:
    """A step says nothing new to a task that stands further on."""
    _, acts, talk = say(State.DOWNLOADING, event(State.DOWNLOADING, percent=5), 17)

    assert (acts, talk.pending) == ([Act.GO_ON], None)


def test_failure_out_of_order_is_refused() -> None:
    """A 2xx failure is right in each state, so that errno 21 on one cannot be helped."""
    assert say(State.DOWNLOADED, failed(Phase.INSTALL, Reason.UNKNOWN), 21)[1] == [Act.REJECT]


@pytest.mark.parametrize("errno", [1, 4, 12, 15, 18, 23])
def test_token_is_renewed_once(errno: int) -> None:
    """A refused token is fetched anew and checked; a second refusal parks the device."""
    sent, acts, _ = say(State.DOWNLOADING, event(State.DOWNLOADING, percent=5), errno, 0, errno)

    assert sent == [Progress(5), CHECK, Progress(5)]
    assert acts == [Act.RENEW_TOKEN, Act.GO_ON, Act.PARK_DEVICE]


def test_new_token_is_not_checked_while_upgrading() -> None:
    """The token check is refused in an upgrading task, so that 201 is simply said again."""
    assert say(State.DOWNLOADED, SUCCESS, 1, 0)[0] == [Report(201), Report(201)]


@pytest.mark.parametrize(
    ("errno", "act"),
    [
        (0, Act.GO_ON),
        (2, Act.REJECT),
        (19, Act.PAUSED),
        (20, Act.FINISHED),
        (22, Act.CANCELED),
        (24, Act.REJECT),
        (-1, Act.REJECT),
        (9999, Act.REJECT),
    ],
)
def test_errno_asks_for_one_act(errno: int, act: Act) -> None:
    """Each errno of a report asks for one act, an unknown one for none but refusal."""
    assert act_on(errno) is act
