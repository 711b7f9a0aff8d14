"""What a cloud or a person wants of an update: ordered, refused, agreed to, held, joined."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.model.commands import UpdateOrdered
from gateway.model.firmware import Firmware
from gateway.model.identity import DEFAULT_MODULE, Version
from gateway.model.orders import Refusal, agree, hold, join, order, refusal
from gateway.model.policy import Policy
from gateway.model.states import TERMINAL, Phase, Reason, State
from gateway.model.update import Outcome, Update, Verdict
from tests.unit.model.stories import DEVICE, V1, V2, V3

OPEN = [state for state in State if state not in TERMINAL]
PLAIN = Policy()
NO = Refusal(Reason.INCOMPATIBLE_DEVICE, "it does not fit")


def wants(version: Version = V2, **more: object) -> UpdateOrdered:
    """Make an order."""
    command = UpdateOrdered(
        device=DEVICE,
        module=DEFAULT_MODULE,
        version=version,
        firmware=Firmware(version=version, url="http://cloud.test/image"),
        handle="task-1",
    )
    return replace(command, **more)  # type: ignore[arg-type]


def ordered(
    command: UpdateOrdered | None = None,
    *,
    last: Update | None = None,
    running: Version | None = V1,
    refused: Refusal | None = None,
    policy: Policy = PLAIN,
) -> Outcome:
    """Let the order begin, at second 7."""
    return order(last, command or wants(), running=running, refused=refused, policy=policy, now=7.0)


def begun(outcome: Outcome) -> Update:
    """Return what was begun."""
    assert outcome.update is not None
    return outcome.update


def at(state: State, **more: object) -> Update:
    """Make an update that stands in this state."""
    return replace(Update(device=DEVICE, target=V2, state=state, source=V1), **more)  # type: ignore[arg-type]


class TestOrder:
    """What an order begins."""

    def test_it_waits_for_its_device(self) -> None:
        """Queued, the gateway's own, with what runs before it, and nobody was told a failure."""
        update = begun(ordered())
        assert (update.state, update.target, update.source) == (State.QUEUED, V2, V1)
        assert (update.ordered, update.synthetic, update.opened_at) == (True, True, 7.0)

    def test_the_version_that_runs_has_succeeded(self) -> None:
        """There is nothing to do."""
        update = begun(ordered(running=V2))
        assert (update.state, update.detail) == (State.SUCCEEDED, "the device runs it already")

    def test_the_version_that_runs_has_succeeded_though_it_would_be_refused(self) -> None:
        """What is so cannot be wrong to ask for."""
        assert begun(ordered(running=V2, refused=NO)).state is State.SUCCEEDED

    def test_a_refusal_is_an_end_with_reason(self) -> None:
        """In the precheck, with the words for people."""
        update = begun(ordered(refused=NO))
        assert (update.state, update.phase, update.reason, update.detail) == (
            State.REJECTED,
            Phase.PRECHECK,
            NO.reason,
            NO.detail,
        )

    @pytest.mark.parametrize(
        ("command", "policy"),
        [(wants(needs_confirmation=True), PLAIN), (wants(), Policy(asks_first=True))],
        ids=["cloud", "policy"],
    )
    def test_it_waits_for_a_person(self, command: UpdateOrdered, policy: Policy) -> None:
        """Where the cloud says so, or the site."""
        update = begun(ordered(command, policy=policy))
        assert (update.state, update.is_held) == (State.WAITING_CONFIRMATION, True)

    @pytest.mark.parametrize("state", OPEN)
    def test_it_supersedes_what_is_open(self, state: State) -> None:
        """The older one ends first, and the newer counts on."""
        outcome = ordered(wants(V3), last=at(state))
        assert outcome.closed is not None
        assert (outcome.closed.state, outcome.closed.reason) == (State.CANCELED, Reason.SUPERSEDED)
        assert (begun(outcome).number, begun(outcome).predecessor) == (2, V2)

    @pytest.mark.parametrize("state", sorted(TERMINAL))
    def test_it_supersedes_nothing_that_is_over(self, state: State) -> None:
        """The next attempt at the same target."""
        outcome = ordered(last=at(state))
        assert (outcome.closed, begun(outcome).number, begun(outcome).attempt) == (None, 2, 2)

    def test_the_policy_says_how_often_it_is_begun_anew(self) -> None:
        """Where the cloud does not."""
        policy = Policy(retries=3, retry_after=timedelta(seconds=40))
        update = begun(ordered(policy=policy))
        assert (update.retries_left, update.retry_pause) == (3, 40.0)

    def test_the_cloud_says_how_often_it_is_begun_anew(self) -> None:
        """It goes before the policy; not at all is an answer, too."""
        policy = Policy(retries=3, retry_after=timedelta(seconds=40))
        update = begun(ordered(wants(retries=0, retry_interval=5.0), policy=policy))
        assert (update.retries_left, update.retry_pause) == (0, 5.0)


class TestRefusal:
    """What does not fit the device as it is."""

    @pytest.mark.parametrize(
        ("source", "running", "fits"), [(V1, V1, True), (V1, V3, False), (V1, None, False), (None, V3, True)]
    )
    def test_a_difference_fits_one_version(
        self, source: Version | None, running: Version | None, *, fits: bool
    ) -> None:
        """Unless the cloud was told the version, and does not repeat it."""
        refused = refusal(wants(is_delta=True, source=source), running=running, policy=PLAIN)
        assert (refused is None) == fits
        if refused is not None:
            assert refused.reason is Reason.INCOMPATIBLE_DEVICE
            assert str(running or "we know not what") in refused.detail

    def test_a_whole_image_fits_any_version(self) -> None:
        """Its source is what the cloud believes, and no condition."""
        assert refusal(wants(source=V1), running=V3, policy=PLAIN) is None

    @pytest.mark.parametrize(
        ("target", "running", "refused"),
        [
            ("1.9", "1.10", True),
            ("1.10", "1.9", False),
            ("1.0", "1", False),
            ("1", "1.0.0", False),
            ("v1.2", "V1.3", True),
            ("1.2", "2.0-rc1", False),
            ("nightly", "2.0", False),
            ("0.0.1", "0.1", True),
            ("1", None, False),
            ("1.٣", "2.0", True),
        ],
    )
    def test_downgrades_are_refused_where_both_are_numbers(
        self, target: str, running: str | None, *, refused: bool
    ) -> None:
        """What cannot be compared is not older; zeros at the end say nothing."""
        found = refusal(
            wants(Version(target)),
            running=None if running is None else Version(running),
            policy=Policy(refuses_downgrades=True),
        )
        assert (found is not None) == refused
        assert found is None or found.reason is Reason.VERSION_MISMATCH

    def test_downgrades_are_fine_unless_the_policy_says_otherwise(self) -> None:
        """Going back is a decision."""
        assert refusal(wants(V1), running=V3, policy=PLAIN) is None


class TestAgree:
    """A person's word."""

    def test_a_yes_is_remembered_and_told(self) -> None:
        """It stays where it is until the device is told."""
        outcome = agree(at(State.WAITING_CONFIRMATION), accept=True, now=7.0)
        assert outcome.verdict is Verdict.AGREED
        assert begun(outcome) == at(State.WAITING_CONFIRMATION, confirmed=True, touched_at=7.0)
        assert not begun(outcome).is_held
        assert begun(outcome).report().confirmed

    def test_a_no_is_the_end(self) -> None:
        """Denied by the user, before anything began."""
        update = begun(agree(at(State.WAITING_CONFIRMATION), accept=False, now=7.0))
        assert (update.state, update.reason) == (State.REJECTED, Reason.DENIED_BY_USER)

    @pytest.mark.parametrize("accept", [True, False])
    @pytest.mark.parametrize("state", [state for state in State if state is not State.WAITING_CONFIRMATION])
    def test_elsewhere_it_says_nothing(self, state: State, *, accept: bool) -> None:
        """Nobody had asked."""
        outcome = agree(at(state), accept=accept, now=7.0)
        assert (outcome.verdict, outcome.update) == (Verdict.DUPLICATE, at(state))

    def test_a_no_after_a_yes_says_nothing(self) -> None:
        """Whoever has second thoughts cancels."""
        agreed = at(State.WAITING_CONFIRMATION, confirmed=True)
        assert agree(agreed, accept=False, now=7.0).verdict is Verdict.DUPLICATE


class TestHold:
    """An operator's word."""

    @pytest.mark.parametrize("state", OPEN)
    def test_an_open_update_is_held_and_let_go(self, state: State) -> None:
        """It is what it was before."""
        held = hold(at(state, confirmed=True), paused=True)
        assert (held.verdict, begun(held).is_held) == (Verdict.NOTED, True)
        assert hold(begun(held), paused=False).update == at(state, confirmed=True)

    @pytest.mark.parametrize("state", OPEN)
    def test_to_hold_what_is_held_says_nothing(self, state: State) -> None:
        """Nor to let go what goes on."""
        assert hold(at(state, paused=True), paused=True).verdict is Verdict.DUPLICATE
        assert hold(at(state), paused=False).verdict is Verdict.DUPLICATE

    @pytest.mark.parametrize("state", sorted(TERMINAL))
    def test_what_is_over_is_not_held(self, state: State) -> None:
        """There is nothing left to hold."""
        assert hold(at(state), paused=True).update == at(state)


class TestJoin:
    """An order for what is under way already."""

    @pytest.mark.parametrize("state", OPEN)
    def test_what_a_device_began_is_seen_through(self, state: State) -> None:
        """From now on as if it had been ordered first; it stays where it stands."""
        policy = Policy(retries=2, retry_after=timedelta(seconds=9))
        outcome = join(at(state), wants(), running=V1, policy=policy, now=7.0)
        assert outcome.verdict is Verdict.NOTED
        assert outcome.update == at(state, ordered=True, retries_left=2, retry_pause=9.0)

    def test_a_device_that_installs_what_it_runs_does_so_by_itself(self) -> None:
        """It would be told to install what runs, if that failed."""
        update = at(State.INSTALLING, source=V2)
        assert join(update, wants(), running=V2, policy=PLAIN, now=7.0).update == update

    @pytest.mark.parametrize("state", OPEN)
    def test_what_was_ordered_before_keeps_its_retries(self, state: State) -> None:
        """The first order's word counts."""
        update = at(state, ordered=True, retries_left=1)
        outcome = join(update, wants(retries=9), running=V1, policy=PLAIN, now=7.0)
        assert (outcome.verdict, outcome.update) == (Verdict.DUPLICATE, update)

    def test_what_has_not_begun_waits_for_the_second_cloud_s_user(self) -> None:
        """One of two that wants consent suffices."""
        update = at(State.QUEUED, ordered=True, retries_left=1)
        outcome = join(update, wants(needs_confirmation=True), running=V1, policy=PLAIN, now=7.0)
        assert (outcome.verdict, begun(outcome).is_held) == (Verdict.ADVANCED, True)
        assert begun(outcome).retries_left == 1

    @pytest.mark.parametrize(
        "update", [at(State.NOTIFIED, ordered=True), at(State.QUEUED, ordered=True, confirmed=True)]
    )
    def test_consent_is_not_asked_for_twice_or_too_late(self, update: Update) -> None:
        """The device was told, or the user had agreed before a failure."""
        outcome = join(update, wants(needs_confirmation=True), running=V1, policy=PLAIN, now=7.0)
        assert outcome.update == update

    @pytest.mark.parametrize("state", sorted(TERMINAL))
    def test_what_is_over_is_joined_by_nobody(self, state: State) -> None:
        """An end absorbs."""
        outcome = join(at(state), wants(), running=V1, policy=PLAIN, now=7.0)
        assert (outcome.verdict, outcome.update) == (Verdict.ABSORBED, at(state))
