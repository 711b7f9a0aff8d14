"""What one event makes of an update: each rule a small story."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.model.events import StateReported
from gateway.model.evidence import expire
from gateway.model.identity import Module
from gateway.model.policy import Policy
from gateway.model.reports import ANNOUNCEMENTS
from gateway.model.states import TABLE, TERMINAL, Owner, Phase, Reason, State
from gateway.model.update import Verdict
from tests.unit.model.stories import DEVICE, STRICT, V1, V2, V3, V4, Story, announced, runs, says

DOWNLOADING, DOWNLOADED, INSTALLING, APPLYING = (
    State.DOWNLOADING,
    State.DOWNLOADED,
    State.INSTALLING,
    State.APPLYING,
)
OPEN = [state for state in State if state not in TERMINAL]


class TestOneAttempt:
    """From the first word to the end."""

    def test_the_first_word_opens_it(self) -> None:
        """Whatever the state is, and with what ran before."""
        story = Story(running=V1).tell(says(DOWNLOADING, percent=3))
        update = story.current
        assert story.verdicts == [Verdict.OPENED]
        assert (update.state, update.percent, update.target, update.source) == (DOWNLOADING, 3, V2, V1)
        assert (update.number, update.attempt, update.opened_at, update.entered_at) == (1, 1, 1.0, 1.0)

    def test_it_is_named_by_device_module_and_number(self) -> None:
        """The name in the store, the API and the logs."""
        event = StateReported(device=DEVICE, state=DOWNLOADING, version=V2, module=Module("mcu"))
        assert Story().tell(event).current.id == "PR0DUCT01/dev01/mcu/1"

    def test_it_walks_through_every_state(self) -> None:
        """The longest way."""
        way = [*OPEN, State.SUCCEEDED]
        assert Story().tell(*map(says, way)).states == way

    def test_it_may_skip(self) -> None:
        """Devices are terse: done without burning."""
        assert Story().tell(says(DOWNLOADING), says(State.SUCCEEDED)).states == [DOWNLOADING, State.SUCCEEDED]

    def test_it_may_begin_with_its_end(self) -> None:
        """A device that says nothing but "failed"."""
        story = Story().tell(says(State.FAILED), says(DOWNLOADING))
        assert story.verdicts == [Verdict.OPENED, Verdict.ABSORBED]

    def test_the_same_state_again_is_a_duplicate(self) -> None:
        """Redelivery changes nothing."""
        assert Story().tell(says(INSTALLING), says(INSTALLING)).verdicts[-1] is Verdict.DUPLICATE

    def test_another_percent_is_progress(self) -> None:
        """Of the state it stands in."""
        story = Story().tell(says(DOWNLOADING), says(DOWNLOADING, percent=10), says(DOWNLOADING, percent=10))
        assert story.verdicts[1:] == [Verdict.PROGRESSED, Verdict.DUPLICATE]

    def test_a_percent_may_go_back(self) -> None:
        """A download that starts again is the truth."""
        story = Story().tell(says(DOWNLOADING, percent=80), says(DOWNLOADING, percent=5))
        assert (story.verdicts[-1], story.current.percent) == (Verdict.PROGRESSED, 5)

    def test_no_percent_after_one_is_no_news(self) -> None:
        """The percent that is known stays."""
        story = Story().tell(says(DOWNLOADING, percent=80), says(DOWNLOADING))
        assert (story.verdicts[-1], story.current.percent) == (Verdict.DUPLICATE, 80)

    def test_a_new_state_starts_without_percent(self) -> None:
        """It is of the state, not of the update."""
        story = Story().tell(says(DOWNLOADING, percent=80), says(INSTALLING))
        assert story.current.percent is None

    def test_an_older_state_is_stale(self) -> None:
        """What comes late is not told."""
        story = Story().tell(says(INSTALLING), says(DOWNLOADING, percent=100))
        assert (story.verdicts[-1], story.current.state) == (Verdict.STALE, INSTALLING)

    @pytest.mark.parametrize("end", sorted(TERMINAL))
    @pytest.mark.parametrize("state", State)
    def test_an_end_absorbs(self, end: State, state: State) -> None:
        """Nothing that a device says of the same target reopens it."""
        story = Story().tell(says(DOWNLOADING), says(end), says(state))
        assert (story.verdicts[-1], story.current.state) == (Verdict.ABSORBED, end)

    def test_the_first_of_two_failures_counts(self) -> None:
        """Vendor SDKs send -2 and then -5 for one failure."""
        first = replace(says(State.FAILED), phase=Phase.DOWNLOAD, reason=Reason.PACKAGE_NOT_FOUND, code="-2")
        second = replace(says(State.FAILED), phase=Phase.INSTALL, reason=Reason.INSTALL_FAILED, code="-5")
        update = Story().tell(says(DOWNLOADING), first, second).current
        assert (update.phase, update.reason, update.code) == (Phase.DOWNLOAD, Reason.PACKAGE_NOT_FOUND, "-2")

    def test_a_failure_keeps_the_device_s_own_words(self) -> None:
        """Verbatim, beside the stable ones, and they are what clouds hear."""
        event = replace(says(State.FAILED), code="E7", detail="3.1 V", reason=Reason.LOW_BATTERY)
        assert Story().tell(event).current.report() == event

    def test_a_report_without_target_means_the_open_update(self) -> None:
        """A device that does not name what it updates to."""
        story = Story().tell(says(DOWNLOADING), says(INSTALLING, None))
        assert (story.current.state, story.current.target) == (INSTALLING, V2)

    def test_a_report_without_target_means_nothing_without_an_update(self) -> None:
        """It cannot be told to anybody."""
        story = Story().tell(says(DOWNLOADING, None))
        assert (story.verdicts, story.update) == ([Verdict.UNTARGETED], None)

    @pytest.mark.parametrize("order", [(INSTALLING, APPLYING), (APPLYING, INSTALLING)])
    def test_installing_and_applying_come_in_either_order_each_once(self, order: tuple[State, State]) -> None:
        """Devices disagree about which is first."""
        first, second = order
        story = Story().tell(says(first), says(second), says(first), says(second))
        assert story.verdicts == [Verdict.OPENED, Verdict.ADVANCED, Verdict.STALE, Verdict.DUPLICATE]
        assert story.states == [first, second]

    def test_an_operator_or_a_cloud_calls_it_off(self) -> None:
        """The gateway's own word, in the phase that it stood in; once."""
        story = Story().tell(says(INSTALLING)).cancel().cancel()
        update = story.current
        assert story.verdicts[1:] == [Verdict.ADVANCED, Verdict.ABSORBED]
        assert (update.state, update.reason, update.phase, update.synthetic) == (
            State.CANCELED,
            Reason.CANCELED_BY_OPERATOR,
            Phase.INSTALL,
            True,
        )


class TestNewAttempts:
    """When something new begins, and what is merely late."""

    def test_another_target_supersedes(self) -> None:
        """The older update ends before the newer begins."""
        story = Story().tell(says(DOWNLOADING), says(DOWNLOADING, V3))
        old, new = story.told[-2:]
        assert (old.target, old.state, old.reason) == (V2, State.CANCELED, Reason.SUPERSEDED)
        assert (new.target, new.state, new.number, new.attempt) == (V3, DOWNLOADING, 2, 1)

    def test_another_target_after_the_end_supersedes_nothing(self) -> None:
        """There is nothing left to end."""
        story = Story().tell(says(State.FAILED), says(DOWNLOADING, V3))
        assert story.states == [State.FAILED, DOWNLOADING]

    def test_a_late_report_of_the_target_before_is_stale(self) -> None:
        """It must not bring the older update back."""
        story = Story().tell(says(DOWNLOADING), says(DOWNLOADING, V3), says(DOWNLOADED), says(State.FAILED))
        assert story.verdicts[-2:] == [Verdict.STALE, Verdict.STALE]
        assert (story.current.target, story.current.state) == (V3, DOWNLOADING)

    def test_a_late_report_is_stale_also_after_the_newer_one_ended(self) -> None:
        """Until the device reports its version: from then on it means what it says."""
        story = Story().tell(says(DOWNLOADING), says(State.FAILED, V3), says(DOWNLOADING))
        assert story.verdicts[-1] is Verdict.STALE
        story.tell(runs(V1), says(DOWNLOADING))
        assert (story.verdicts[-1], story.current.target) == (Verdict.OPENED, V2)

    @pytest.mark.parametrize("end", [State.FAILED, State.REJECTED, State.SUCCEEDED])
    def test_an_end_of_the_target_before_begins_nothing(self, end: State) -> None:
        """The clouds have heard how that ended: whatever the device reported since, it is heard again or too late."""
        story = Story().tell(says(State.FAILED), says(State.FAILED, V3), runs(V1), says(end))
        assert (story.verdicts[-1], story.current.target) == (Verdict.STALE, V3)

    def test_a_repeated_attempt_remembers_the_target_before_it(self) -> None:
        """The predecessor is another target, not an earlier attempt at the same."""
        story = Story().tell(says(DOWNLOADING), says(State.FAILED, V3), runs(V1), says(DOWNLOADING, V3))
        assert (story.current.attempt, story.current.predecessor) == (2, V2)

    def test_going_back_to_the_target_before_needs_an_order(self) -> None:
        """The gateway's announcement is no late report."""
        story = Story().tell(says(DOWNLOADING), says(DOWNLOADING, V3), announced(version=V2))
        assert (story.verdicts[-1], story.current.target, story.current.number) == (Verdict.OPENED, V2, 3)

    @pytest.mark.parametrize("state", sorted(ANNOUNCEMENTS))
    @pytest.mark.parametrize("end", sorted(TERMINAL))
    def test_an_order_after_the_end_is_a_new_attempt(self, state: State, end: State) -> None:
        """An operator's retry or a new task with the same target."""
        story = Story().tell(says(end), announced(state))
        update = story.current
        assert (story.verdicts[-1], update.state, update.attempt, update.number) == (
            Verdict.OPENED,
            state,
            2,
            2,
        )

    def test_the_same_order_twice_opens_one_attempt(self) -> None:
        """A cloud is polled again and again."""
        story = Story().tell(says(State.FAILED), announced(), announced())
        assert (story.verdicts[-1], story.current.number) == (Verdict.DUPLICATE, 2)

    def test_an_order_for_an_open_update_is_stale(self) -> None:
        """The device is on its way."""
        assert Story().tell(says(DOWNLOADING), announced()).verdicts[-1] is Verdict.STALE

    def test_a_device_that_only_says_so_is_not_an_order(self) -> None:
        """A late NOTIFIED of its own reopens nothing."""
        assert Story().tell(says(State.FAILED), says(State.NOTIFIED)).verdicts[-1] is Verdict.ABSORBED

    @pytest.mark.parametrize("end", sorted(TERMINAL - {State.SUCCEEDED}))
    def test_a_device_starts_over_after_it_reported_its_version(self, end: State) -> None:
        """That is what a device does that asks for orders again."""
        story = Story().tell(says(DOWNLOADING), says(end), runs(V1), says(DOWNLOADING))
        assert story.verdicts[-2:] == [Verdict.NOTED, Verdict.OPENED]
        assert (story.current.attempt, story.current.source) == (2, V1)

    def test_a_device_does_not_start_over_what_was_ordered_and_called_off(self) -> None:
        """It was away, and goes on with what it will now be told to leave."""
        story = Story().tell(announced()).order().cancel().tell(runs(V1), says(DOWNLOADING))
        assert story.verdicts[-2:] == [Verdict.NOTED, Verdict.ABSORBED]
        assert (story.current.number, story.current.state) == (1, State.CANCELED)

    def test_a_device_starts_over_what_was_ordered_and_failed(self) -> None:
        """Nobody took that back."""
        story = Story().tell(announced()).order().tell(says(State.FAILED), runs(V1), says(DOWNLOADING))
        assert (story.verdicts[-1], story.current.attempt) == (Verdict.OPENED, 2)

    def test_a_device_does_not_start_over_what_succeeded(self) -> None:
        """It runs the target already; what comes is late."""
        story = Story().tell(says(State.SUCCEEDED), runs(V2), says(DOWNLOADING))
        assert story.verdicts[-1] is Verdict.ABSORBED

    def test_an_end_is_no_start(self) -> None:
        """A second failure after a restart of the device is the first one's echo."""
        story = Story().tell(says(State.FAILED), runs(V1), says(State.FAILED))
        assert story.verdicts[-1] is Verdict.ABSORBED

    def test_a_redelivered_report_never_starts_over(self) -> None:
        """A device that repeats a whole story after a lost PUBACK has not begun a second attempt."""
        again = replace(says(DOWNLOADING), redelivered=True)
        story = Story().tell(says(State.FAILED), runs(V1, redelivered=True), again)
        assert story.verdicts[-2:] == [Verdict.NOTED, Verdict.ABSORBED]

    def test_a_device_starts_over_though_its_version_report_came_redelivered(self) -> None:
        """The first copy of the report may be the one that was lost."""
        story = Story().tell(says(State.FAILED), runs(V1, redelivered=True), says(DOWNLOADING))
        assert (story.verdicts[-1], story.current.attempt) == (Verdict.OPENED, 2)

    def test_one_version_report_rearms_once(self) -> None:
        """A device may report its version at every start for years."""
        story = Story().tell(says(State.FAILED), runs(V1), runs(V1), runs(V1))
        assert story.verdicts[1:] == [Verdict.NOTED, Verdict.DUPLICATE, Verdict.DUPLICATE]

    def test_a_new_attempt_is_not_armed(self) -> None:
        """The next one needs a version report of its own."""
        story = Story().tell(
            says(State.FAILED), runs(V1), says(DOWNLOADING), says(State.FAILED), says(DOWNLOADING)
        )
        assert story.verdicts[-1] is Verdict.ABSORBED


#: Seconds after which a doubt is the outcome.
HALF_A_MINUTE = 30.0


class TestEvidence:
    """Success is a claim until the device reports the target version."""

    def test_done_is_held_until_the_version_proves_it(self) -> None:
        """CONFIRMING is nothing that a device says."""
        story = Story(STRICT, running=V1).tell(says(INSTALLING), says(State.SUCCEEDED), runs(V2))
        assert story.states == [INSTALLING, State.CONFIRMING, State.SUCCEEDED]
        assert not story.current.unverified

    def test_done_twice_is_held_once(self) -> None:
        """The repeat is a duplicate of the claim."""
        story = Story(STRICT).tell(says(State.SUCCEEDED), says(State.SUCCEEDED))
        assert story.verdicts == [Verdict.OPENED, Verdict.DUPLICATE]

    def test_evidence_may_come_before_the_claim(self) -> None:
        """A device that reports its version first and says done after it."""
        story = Story(STRICT, running=V1).tell(says(INSTALLING), runs(V2), says(State.SUCCEEDED))
        assert story.states == [INSTALLING, State.SUCCEEDED]

    def test_a_device_that_ran_the_target_before_succeeds_at_its_word(self) -> None:
        """There is nothing to wait for."""
        story = Story(STRICT, running=V2).tell(says(INSTALLING), says(State.SUCCEEDED))
        assert story.states == [INSTALLING, State.SUCCEEDED]

    def test_a_version_that_ran_before_is_no_evidence_while_installing(self) -> None:
        """Reinstalling the same version is not over when the device says what it runs."""
        story = Story(STRICT, running=V2).tell(says(INSTALLING), runs(V2))
        assert (story.verdicts[-1], story.current.state) == (Verdict.DUPLICATE, INSTALLING)

    def test_the_old_version_after_done_is_a_rollback(self) -> None:
        """The platform must not believe what the device takes back."""
        update = Story(STRICT, running=V1).tell(says(State.SUCCEEDED), runs(V1)).wait(HALF_A_MINUTE).current
        assert (update.state, update.phase, update.reason) == (
            State.FAILED,
            Phase.CONFIRM,
            Reason.ROLLED_BACK,
        )
        assert update.detail == "the device runs 1.0"

    def test_a_third_version_after_done_is_a_mismatch(self) -> None:
        """Neither the old nor the new one."""
        update = Story(STRICT, running=V1).tell(says(State.SUCCEEDED), runs(V4)).wait(HALF_A_MINUTE).current
        assert (update.state, update.reason) == (State.FAILED, Reason.VERSION_MISMATCH)

    def test_an_unknown_old_version_cannot_be_a_rollback(self) -> None:
        """What ran before was never said."""
        update = Story(STRICT).tell(says(State.SUCCEEDED), runs(V1)).wait(HALF_A_MINUTE).current
        assert update.reason is Reason.VERSION_MISMATCH

    def test_an_old_version_is_a_doubt_at_first(self) -> None:
        """A device may say what it runs once more before it starts the new version."""
        story = Story(STRICT, running=V1).tell(says(State.SUCCEEDED), runs(V1))
        assert (story.verdicts[-1], story.current.state) == (Verdict.NOTED, State.CONFIRMING)
        assert story.current.doubt == V1

    def test_a_repeated_done_dispels_the_doubt(self) -> None:
        """PUBACKs keep their order: a version report from before the "done" is followed by it."""
        story = Story(STRICT, running=V1).tell(says(State.SUCCEEDED), runs(V1), says(State.SUCCEEDED))
        assert (story.current.state, story.current.doubt) == (State.CONFIRMING, None)

    def test_progress_dispels_the_doubt_and_counts(self) -> None:
        """A device that goes on at another percentage is heard the first time that it says so."""
        story = Story(STRICT, running=V1).tell(says(INSTALLING), runs(V1), says(INSTALLING, percent=40))
        assert (story.verdicts[-1], story.current.percent) == (Verdict.PROGRESSED, 40)
        assert story.current.doubt is None

    def test_a_doubt_that_nothing_dispels_is_the_evidence(self) -> None:
        """Half a minute later the device counts as rolled back, however often it says so meanwhile."""
        story = Story(STRICT, running=V1).tell(says(State.SUCCEEDED), runs(V1))
        doubted = story.tell(runs(V1), runs(V1)).current
        early = expire(doubted, policy=STRICT, now=doubted.touched_at + HALF_A_MINUTE - 1)
        late = expire(doubted, policy=STRICT, now=doubted.touched_at + HALF_A_MINUTE)
        assert early.verdict is Verdict.DUPLICATE
        assert late.update is not None
        assert (late.update.state, late.update.reason) == (State.FAILED, Reason.ROLLED_BACK)

    def test_the_new_version_dispels_the_doubt(self) -> None:
        """It said the old one once more, started the new one, and said so."""
        story = Story(STRICT, running=V1).tell(says(State.SUCCEEDED), runs(V1), runs(V2))
        assert (story.current.state, story.current.doubt) == (State.SUCCEEDED, None)

    def test_a_device_that_restarts_while_it_installs_may_have_given_up(self) -> None:
        """It says the old version, and then nothing until the deadline: rolled back, not merely stalled."""
        story = Story(STRICT, running=V1).tell(says(INSTALLING), runs(V1)).wait(29 * 60)
        assert story.current.state is INSTALLING
        story.wait(2 * 60)
        assert (story.current.state, story.current.reason) == (State.FAILED, Reason.ROLLED_BACK)

    def test_a_version_report_moves_no_update_that_has_not_claimed_success(self) -> None:
        """A device says its old version in the middle of a download."""
        story = Story(STRICT, running=V1).tell(says(DOWNLOADING), runs(V1))
        assert (story.verdicts[-1], story.current.state) == (Verdict.DUPLICATE, DOWNLOADING)

    def test_a_version_report_without_an_update_is_only_kept(self) -> None:
        """The ordinary start of an ordinary device."""
        assert Story().tell(runs(V1)).verdicts == [Verdict.DUPLICATE]

    def test_silence_is_trusted_and_marked(self) -> None:
        """`trust_done`: success, unverified."""
        story = Story(STRICT).tell(says(State.SUCCEEDED)).wait(15 * 60)
        update = story.current
        assert story.verdicts[-1] is Verdict.ADVANCED
        assert (update.state, update.unverified, update.synthetic) == (State.SUCCEEDED, True, True)

    def test_silence_ends_it_where_the_product_says_so(self) -> None:
        """`time_out`: no success without evidence."""
        policy = Policy(needs_evidence=True, trusts_silence=False)
        update = Story(policy).tell(says(State.SUCCEEDED)).wait(15 * 60).current
        assert (update.state, update.phase, update.reason) == (
            State.TIMED_OUT,
            Phase.CONFIRM,
            Reason.STATE_TIMEOUT,
        )

    def test_on_done_forwards_at_once(self) -> None:
        """A product that needs no evidence."""
        assert Story().tell(says(State.SUCCEEDED)).states == [State.SUCCEEDED]


class TestTime:
    """Deadlines mark who is silent."""

    @pytest.mark.parametrize(
        "state",
        [state for state in OPEN if TABLE[state].owner is Owner.DEVICE and state is not State.CONFIRMING],
    )
    def test_a_silent_owner_is_noted_at_the_deadline_and_once(self, state: State) -> None:
        """It stays open: the device may still come back."""
        deadline = TABLE[state].deadline
        assert deadline is not None
        seconds = deadline.total_seconds()
        story = Story().tell(says(state)).wait(seconds - 1).wait(1).wait(seconds)
        assert story.verdicts[1:] == [Verdict.DUPLICATE, Verdict.NOTED, Verdict.DUPLICATE]
        assert (story.current.state, story.current.stalled) == (state, True)

    @pytest.mark.parametrize("state", [State.QUEUED, State.WAITING_CONFIRMATION, *sorted(TERMINAL)])
    def test_nobody_is_hurried_where_no_device_must_move(self, state: State) -> None:
        """A cloud, a person or nobody."""
        assert Story().tell(says(state)).wait(10 * 365 * 86_400).verdicts[-1] is Verdict.DUPLICATE

    def test_progress_starts_the_deadline_anew(self) -> None:
        """Two hours without progress, not two hours."""
        story = Story().tell(says(DOWNLOADING)).wait(7000).tell(says(DOWNLOADING, percent=1)).wait(7000)
        assert story.verdicts[-1] is Verdict.DUPLICATE

    def test_a_repeat_does_not_start_it_anew(self) -> None:
        """The same percent for hours is no progress."""
        story = Story().tell(says(DOWNLOADING)).wait(7000).tell(says(DOWNLOADING)).wait(7000)
        assert story.verdicts[-1] is Verdict.NOTED

    @pytest.mark.parametrize("event", [says(DOWNLOADING, percent=1), says(DOWNLOADED)])
    def test_the_next_word_lifts_the_mark(self, event: StateReported) -> None:
        """The device was only slow."""
        story = Story().tell(says(DOWNLOADING)).wait(8000).tell(event)
        assert not story.current.stalled

    def test_a_product_may_set_its_own_deadline(self) -> None:
        """A battery device sleeps for days."""
        policy = Policy(needs_evidence=False, deadlines={DOWNLOADING: timedelta(days=7)})
        story = Story(policy).tell(says(DOWNLOADING)).wait(6 * 86_400).wait(86_400)
        assert story.verdicts[1:] == [Verdict.DUPLICATE, Verdict.NOTED]
