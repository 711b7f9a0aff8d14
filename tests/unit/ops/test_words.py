"""The words that people read: every language has all of them, and they fit what the gateway says."""

import ast
import re
from dataclasses import fields
from enum import StrEnum
from pathlib import Path

import pytest

from gateway.core.acquaintances import TOO_MANY
from gateway.devices.dialects.dialect import REASONS
from gateway.metrics import DELIVERY_OUTCOMES
from gateway.model.states import Owner, Phase, Reason, State
from gateway.model.update import Update
from gateway.ops import words
from gateway.ports.devices import Objection
from gateway.ports.store import Circuit

BATON = Path(words.__file__).parents[1] / "api" / "baton.py"
OTHERS = [language for language in words.LANGUAGES if language != "en"]


def places(text: str) -> set[str]:
    """Return the names of the values that a text has places for."""
    return set(re.findall(r"{(\w+)}", text))


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_has_every_word_of_english_and_no_other(language: str) -> None:
    """Nobody reads English in the middle of another language, nor keeps words that nobody says."""
    shapes = [
        {section: set(said) for section, said in words.table(each).items()} for each in ("en", language)
    ]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_a_place_for_every_value(language: str) -> None:
    """What the sentence is about is not lost on the way."""
    other = words.table(language)
    for section, said in words.table().items():
        for word, text in said.items():
            assert places(text) == places(other[section][word]), f"{section}.{word}"


@pytest.mark.parametrize(
    ("section", "kind"),
    [("state", State), ("reason", Reason), ("phase", Phase), ("owner", Owner), ("circuit", Circuit)],
)
def test_what_the_model_names_has_a_word(section: str, kind: type[StrEnum]) -> None:
    """A new state without a word is found here and not on a screen."""
    assert set(words.table()[section]) == {each.value for each in kind}


def test_what_is_quarantined_for_has_a_word() -> None:
    """Of the dialects, of the broker and of the engine."""
    of_engine = {"no_open_update", *TOO_MANY}
    assert set(words.table()["quarantine"]) == {*REASONS, *map(str, Objection), *of_engine}


def test_what_a_timeline_tells_has_a_word() -> None:
    """Every outcome of a delivery, and every flag of an update."""
    assert set(words.table()["outcome"]) == set(DELIVERY_OUTCOMES)
    flags = set(words.table()["flag"])
    assert flags <= {each.name for each in fields(Update)}


@pytest.mark.parametrize(
    ("names", "language"),
    [
        (("zh_CN.UTF-8",), "zh"),
        (("", "", "zh-Hans"), "zh"),
        (("en_US.UTF-8", "zh_CN.UTF-8"), "en"),
        (("C",), "en"),
        (("de_DE", ""), "en"),
        (("", ""), "en"),
        ((), "en"),
    ],
)
def test_the_language_follows_the_first_locale_that_is_set(names: tuple[str, ...], language: str) -> None:
    """Chinese for any Chinese one, English for everybody else."""
    assert words.of_locale(*names) == language


def test_what_a_baton_says_has_a_word() -> None:
    """Every word in `baton.py` is one of the table, and the table has no other."""
    said = {
        node.value
        for call in ast.walk(ast.parse(BATON.read_text()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Baton" and len(call.args) > 1
        for node in (
            [call.args[1].body, call.args[1].orelse]
            if isinstance(call.args[1], ast.IfExp)
            else [call.args[1]]
        )
        if isinstance(node, ast.Constant)
    }
    assert said - {""} == set(words.table()["why"])


def test_a_word_takes_its_values() -> None:
    """And one that no table has is said as it is."""
    assert words.say("why", "evidence", version="2.0") == "it must report that it runs 2.0"
    assert words.say("why", "evidence", "zh", version="2.0") == "须报告已运行 2.0"
    assert words.say("reason", "E17") == "E17"
