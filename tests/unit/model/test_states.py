"""The table: every state has a rule, and every pair of states a step."""

from itertools import pairwise

import pytest

from gateway.model.states import RANK_GROUP, STEPS, TABLE, TERMINAL, Owner, State, Step, diagram

OPEN = [state for state in State if state not in TERMINAL]


def test_every_state_has_a_rule() -> None:
    """Nothing can stand where the table says nothing."""
    assert set(TABLE) == set(State)


def test_the_ranks_are_the_documented_ones() -> None:
    """In the order in which an update passes them; all ends are equal."""
    assert [TABLE[state].rank for state in State] == [
        0,
        10,
        20,
        30,
        40,
        45,
        50,
        55,
        60,
        100,
        100,
        100,
        100,
        100,
    ]


def test_open_states_are_ranked_in_the_order_of_their_declaration() -> None:
    """The diagram walks them in this order."""
    assert all(TABLE[a].rank < TABLE[b].rank for a, b in pairwise(OPEN))


def test_an_end_is_terminal_and_nothing_else() -> None:
    """The property and the set agree."""
    assert {state for state in State if state.is_terminal} == TERMINAL
    assert {state.name for state in TERMINAL} == {"SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELED", "REJECTED"}


@pytest.mark.parametrize("state", OPEN)
def test_somebody_must_move_every_open_state(state: State) -> None:
    """Who must move next is known."""
    assert TABLE[state].owner is not Owner.NOBODY


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_nobody_moves_an_end(state: State) -> None:
    """An end has no owner and no deadline."""
    assert (TABLE[state].owner, TABLE[state].deadline) == (Owner.NOBODY, None)


@pytest.mark.parametrize("state", [state for state in OPEN if TABLE[state].owner is Owner.DEVICE])
def test_a_device_has_a_deadline_wherever_it_must_move(state: State) -> None:
    """A device may die at any moment."""
    assert TABLE[state].deadline is not None


def test_every_pair_of_states_has_a_step() -> None:
    """No report can find the table without an answer."""
    assert set(STEPS) == {(a, b) for a in State for b in State}


@pytest.mark.parametrize(("current", "reported"), STEPS)
def test_a_step_follows_from_the_ranks(current: State, reported: State) -> None:
    """Forward by rank, the same again is a repeat, back is stale, an end absorbs."""
    forward = TABLE[reported].rank > TABLE[current].rank
    if current in TERMINAL:
        expected = Step.ABSORBED
    elif reported is current:
        expected = Step.REPEAT
    elif forward or (current, reported) == (State.APPLYING, State.INSTALLING):
        expected = Step.ADVANCE
    else:
        expected = Step.STALE
    assert STEPS[current, reported] is expected


def test_every_open_state_can_end_in_every_way() -> None:
    """No state is a trap."""
    assert all(STEPS[state, end] is Step.ADVANCE for state in OPEN for end in TERMINAL)


def test_installing_and_applying_are_neighbours() -> None:
    """Between the two nothing may stand, for either may come first."""
    first, second = sorted(RANK_GROUP, key=lambda state: TABLE[state].rank)
    ranks = sorted(rule.rank for rule in TABLE.values())
    assert ranks.index(TABLE[second].rank) == ranks.index(TABLE[first].rank) + 1


def test_the_diagram_names_every_state() -> None:
    """It is drawn from the table."""
    words = diagram().split()
    assert all(state.name in words for state in State)
    assert words[0] == "stateDiagram-v2"
