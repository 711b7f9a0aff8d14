"""No sequence of words leaves the table: what holds for every update, whatever a device, a cloud or time does."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.model.codec import decode, encode
from gateway.model.commands import UpdateOrdered
from gateway.model.events import StateReported, VersionReported
from gateway.model.firmware import Firmware
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, UpdateId, Version
from gateway.model.orders import agree, hold, order
from gateway.model.policy import PASSING, Policy
from gateway.model.states import RANK_GROUP, STEPS, TABLE, Phase, Reason, State, Step
from gateway.model.update import Outcome, Update, Verdict
from tests.unit.model.stories import DEVICE, Story, announced, runs, says

#: One thing that happens to a story.
Act = Callable[[Story], object]

versions = st.sampled_from([Version("1.0"), Version("2.0"), Version("3.0")])
percents = st.none() | st.integers(0, 100)
states = st.builds(
    StateReported,
    device=st.just(DEVICE),
    state=st.sampled_from(State),
    version=st.none() | versions,
    percent=percents,
    phase=st.sampled_from(Phase),
    reason=st.sampled_from(Reason),
    synthetic=st.booleans(),
)
reports = st.builds(VersionReported, device=st.just(DEVICE), version=versions, redelivered=st.booleans())
events = states | reports
policies = st.builds(Policy, needs_evidence=st.booleans(), trusts_silence=st.booleans())


@st.composite
def acts(draw: st.DrawFn) -> Act:
    """Draw a word of the device, a silence, or a cancellation."""
    match draw(st.sampled_from(["event", "event", "event", "event", "silence", "cancel"])):
        case "silence":
            seconds = draw(st.sampled_from([1.0, 1000.0, 4000.0, 8000.0]))
            return lambda story: story.wait(seconds)
        case "cancel":
            return lambda story: story.update and story.cancel()
        case _:
            event = draw(events)
            return lambda story: story.tell(event)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Draw a device's life."""
    story = Story(draw(policies), running=draw(st.none() | versions))
    for act in draw(st.lists(acts(), max_size=40)):
        act(story)
    return story


def by_update(told: Sequence[Update]) -> dict[UpdateId, list[Update]]:
    """Sort what was told by the update it was told of."""
    found: dict[UpdateId, list[Update]] = defaultdict(list)
    for update in told:
        found[update.id].append(update)
    return found


def forward(told: Sequence[Update]) -> bool:
    """Whether ranks never fall, but within the group, and no state but for progress comes twice."""
    states = [update.state for update in told]
    changes = [b for a, b in pairwise([None, *states]) if a is not b]
    steps = all(TABLE[a].rank <= TABLE[b].rank or {a, b} == RANK_GROUP for a, b in pairwise(states))
    return steps and len(changes) == len(set(changes))


@given(story=stories())
def test_what_clouds_are_told_of_an_update_goes_forward(story: Story) -> None:
    """Every step is one of the table's; INSTALLING and APPLYING come in either order, each once."""
    for told in by_update(story.told).values():
        assert forward(told)
        moves = [(a.state, b.state) for a, b in pairwise(told) if a.state is not b.state]
        assert all(STEPS[move] is Step.ADVANCE for move in moves)


@given(story=stories())
def test_an_update_ends_at_most_once_and_with_its_last_word(story: Story) -> None:
    """Exactly one terminal report for each update that is over."""
    for told in by_update(story.told).values():
        ends = [update for update in told if update.state.is_terminal]
        assert len(ends) <= 1
        assert not ends or ends == told[-1:]


@given(story=stories())
def test_only_the_newest_update_is_open(story: Story) -> None:
    """Whatever was superseded was ended first, and numbers count up without a gap."""
    found = by_update(story.told)
    numbers = [told[0].number for told in found.values()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(told[-1].state.is_terminal for told in list(found.values())[:-1])


@given(story=stories())
def test_attempts_count_within_a_target(story: Story) -> None:
    """The first attempt at a target is 1, the next in a row 2."""
    firsts = [told[0] for told in by_update(story.told).values()]
    for last, update in pairwise(firsts):
        assert update.attempt == (last.attempt + 1 if last.target == update.target else 1)


@given(story=stories(), event=events)
@example(story=Story().tell(says(State.FAILED)), event=runs(Version("1.0")))
@example(story=Story().tell(says(State.FAILED)), event=announced())
@example(
    story=Story().tell(says(State.INSTALLING), runs(Version("1.0"))), event=says(State.INSTALLING, percent=0)
)
def test_a_repeat_tells_nobody_anything(story: Story, event: StateReported | VersionReported) -> None:
    """QoS 1 redelivers: the second time nothing changes but that a finished update is armed."""
    story.tell(event)
    before, told = story.update, len(story.told)
    story.tell(event)
    assert len(story.told) == told
    assert story.update == before or story.update == replace(story.current, rearmed=True)
    assert story.verdicts[-1] not in (Verdict.OPENED, Verdict.ADVANCED, Verdict.PROGRESSED)


@given(story=stories(), event=states.filter(lambda event: not event.synthetic))
def test_an_end_absorbs_its_target(story: Story, event: StateReported) -> None:
    """No word of the device about the same target reopens it, unless it started over after a failure."""
    if story.update is None:
        story.tell(says(State.FAILED))
    if not story.current.state.is_terminal:
        story.tell(says(State.FAILED, story.current.target))
    story.take_back_arms()
    ended = story.current
    story.tell(replace(event, version=ended.target))
    assert story.verdicts[-1] is Verdict.ABSORBED
    assert story.current == ended


@given(story=stories(), end=st.sampled_from([State.FAILED, State.REJECTED, State.CANCELED, State.TIMED_OUT]))
def test_every_open_update_can_end(story: Story, end: State) -> None:
    """Wherever it stands, the device's failure and a cancellation end it; so does success, once proven."""
    if story.update is None or story.current.state.is_terminal:
        return
    target, policy, now = story.current.target, story.policy, story.now
    ways = {
        "word": Story(policy, story.update, story.running, now).tell(says(end, target)),
        "cancel": Story(policy, story.update, story.running, now).cancel(),
        "success": Story(policy, story.update, story.running, now)
        .tell(says(State.SUCCEEDED, target))
        .wait(1e6),
    }
    assert all(way.current.state.is_terminal for way in ways.values())
    assert all(way.current.number == story.current.number for way in ways.values())


@given(story=stories(), seconds=st.floats(0, 1e9))
def test_time_alone_ends_only_what_waits_for_evidence(story: Story, seconds: float) -> None:
    """And what its device disproved; everything else is marked, once, and stays as it is."""
    before = story.update
    after = story.wait(seconds).update
    if before is None or after is None or before.state is State.CONFIRMING or before.doubt is not None:
        return
    assert after == replace(before, stalled=after.stalled)
    assert story.wait(0).verdicts[-1] is Verdict.DUPLICATE


def wants(version: Version, *, confirm: bool, retries: int) -> UpdateOrdered:
    """Make an order."""
    return UpdateOrdered(
        device=DEVICE,
        module=DEFAULT_MODULE,
        version=version,
        firmware=Firmware(version=version, url="http://cloud.test/i"),
        handle="1",
        needs_confirmation=confirm,
        retries=retries,
        retry_interval=7.0,
    )


def ordering(story: Story, command: UpdateOrdered) -> Story:
    """Let a cloud order it."""
    outcome = order(
        story.update,
        command,
        running=story.running,
        refused=None,
        policy=story.policy,
        now=story.now,
    )
    story.take(outcome)
    return story


commands = st.builds(wants, versions, confirm=st.booleans(), retries=st.integers(-1, 3))
failures = st.builds(
    replace, states, state=st.just(State.FAILED), reason=st.sampled_from([*PASSING, Reason.UNKNOWN])
)


@given(story=stories(), command=commands)
def test_an_order_supersedes_what_is_open_and_nothing_else(story: Story, command: UpdateOrdered) -> None:
    """The older update ends first, the newer counts on, and a version that runs has succeeded."""
    before, told = story.update, len(story.told)
    ordering(story, command)
    closed = story.told[told:-1]
    was_open = before is not None and not before.state.is_terminal
    assert [(update.state, update.reason) for update in closed] == (
        [(State.CANCELED, Reason.SUPERSEDED)] if was_open else []
    )
    assert story.current.number == (before.number + 1 if before else 1)
    assert (story.current.state is State.SUCCEEDED) == (story.running == command.version)
    assert story.current.is_held == (command.needs_confirmation and not story.current.state.is_terminal)


@given(story=stories(), command=commands, words=st.lists(failures | states | reports, max_size=30))
def test_no_update_is_begun_anew_more_often_than_was_ordered(
    story: Story, command: UpdateOrdered, words: Sequence[StateReported | VersionReported]
) -> None:
    """Each pause is longer than the one before, it stays the same update, and it is told one end."""
    ordering(story, command)
    first, pauses = story.current, list[float]()
    for word in words:
        story.tell(word)
        if story.verdicts[-1] is Verdict.RETRIED and story.current.id == first.id:
            pauses.append(story.current.not_before - story.now)
    assert len(pauses) <= max(first.retries_left, 0)
    assert pauses == [7.0 * 2**n for n in range(len(pauses))]
    ends = [update for update in story.told if update.id == first.id and update.state.is_terminal]
    assert len(ends) <= 1


@given(story=stories(), command=commands, word=failures)
def test_a_failure_right_after_one_that_is_tried_again_burns_nothing(
    story: Story, command: UpdateOrdered, word: StateReported
) -> None:
    """Until the device is told again, it speaks of the try before."""
    ordering(story, command).tell(replace(word, version=None, synthetic=False))
    if story.verdicts[-1] is not Verdict.RETRIED:
        return
    before = story.current
    story.tell(replace(word, version=None, synthetic=False))
    assert (story.verdicts[-1], story.current) == (Verdict.STALE, before)


@given(story=stories(), command=commands, words=st.lists(failures | reports, max_size=10))
def test_nothing_but_a_person_lets_go_what_waits_for_one(
    story: Story, command: UpdateOrdered, words: Sequence[StateReported | VersionReported]
) -> None:
    """However often it fails, and whatever runs."""
    held = replace(command, needs_confirmation=True)
    ordering(story, held)
    number = story.current.number
    story.tell(*words)
    update = story.current
    assert update.number != number or update.state.is_terminal or update.is_held


@given(story=stories(), accept=st.booleans(), paused=st.booleans())
def test_a_person_s_word_twice_is_a_person_s_word(story: Story, *, accept: bool, paused: bool) -> None:
    """And to hold an update back changes nothing else of it."""
    if story.update is None:
        return
    words: list[Callable[[Update], Outcome]] = [
        lambda update: agree(update, accept=accept, now=story.now),
        lambda update: hold(update, paused=paused),
    ]
    for say in words:
        once = say(story.current).update
        assert once is not None
        again = say(once)
        assert (again.verdict, again.update) == (Verdict.DUPLICATE, once)
    held = hold(story.current, paused=paused).update
    assert held == replace(story.current, paused=held.paused if held else False)


@given(
    event=st.builds(
        StateReported,
        device=st.builds(DeviceId, st.text(), st.text()),
        state=st.sampled_from(State),
        version=st.none() | st.text().map(Version),
        module=st.just(DEFAULT_MODULE) | st.text().map(Module),
        percent=percents,
        phase=st.sampled_from(Phase),
        reason=st.sampled_from(Reason),
        code=st.text(),
        detail=st.text(),
        synthetic=st.booleans(),
    )
)
def test_the_codec_loses_nothing(event: StateReported) -> None:
    """Whatever waits in the outbox comes out as it went in, on one line of UTF-8."""
    text = encode(event)
    assert decode(text) == event
    assert "\n" not in text
    assert text.encode()


@given(text=st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(str))
def test_what_is_no_event_is_refused(text: str) -> None:
    """The two errors that are promised, and no other."""
    try:
        decode(text)
    except (ValueError, KeyError):
        return
    raise AssertionError(f"{text!r} was read")
