"""No sequence of words leaves the table: what holds for every update, whatever a device, a cloud or time does."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.model.codec import decode, encode
from gateway.model.events import StateReported, VersionReported
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, UpdateId, Version
from gateway.model.policy import Policy
from gateway.model.states import RANK_GROUP, STEPS, TABLE, Phase, Reason, State, Step
from gateway.model.update import Update, Verdict
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
