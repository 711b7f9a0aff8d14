"""The page's own files: small, without anything from elsewhere, and with a word for all that they say."""

import re
from pathlib import Path

import pytest

from gateway.ops import words

STATIC = Path(__file__).parents[2] / "gateway" / "ops" / "dashboard" / "static"
MODULES = sorted(STATIC.glob("*.js"))
MAX_LINES = 200
#: Words that are put together: `who_` and an owner, say.
BUILT = ("who_", "filter_", "band_", "sure_", "done_", "order_", "dead_letters_", "quarantine_")
#: That an act, a flag or a circuit is called by.
NAMED = re.compile(r"""["'`]([a-z][a-z_]*)["'`]""")
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|\.cssText"
)


def source() -> str:
    """Return all modules as one text."""
    return "\n".join(module.read_text() for module in MODULES)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_is_small_and_says_what_it_is_for(module: Path) -> None:
    """In a comment at its head."""
    lines = module.read_text().splitlines()
    assert len(lines) <= MAX_LINES
    assert lines[0].startswith("// ")


def test_nothing_makes_markup_of_text() -> None:
    """What a device says reaches the page as text, in every module."""
    assert MARKUP.findall(source()) == []


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda file: file.name)
def test_nothing_comes_from_elsewhere(file: Path) -> None:
    """No address of another machine stands in it, but for the name of SVG's own language."""
    found = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", file.read_text())
    assert [each for each in found if each != "http://www.w3.org"] == []


def test_every_module_is_named_in_the_page() -> None:
    """So that all are asked for at once, and none after the other."""
    html = (STATIC / "index.html").read_text()
    assert set(re.findall(r"dashboard/(\w+\.js)", html)) == {module.name for module in MODULES}


def test_what_the_page_says_has_a_word() -> None:
    """A word that is misspelt is found here and not on a screen."""
    known = words.table()["page"]
    for word in re.findall(r"""\bsay\(\s*["'`]([a-z_]+)["'`]""", source()):
        assert word in known, word
    for word in re.findall(r"""\bcount\(\s*["'`]([a-z_]+)["'`]""", source()):
        assert {f"{word}_one", f"{word}_other"} <= set(known), word


def test_the_page_has_no_word_that_it_does_not_say() -> None:
    """What nobody says nobody needs to translate."""
    said = set(NAMED.findall(source()))
    for word in words.table()["page"]:
        base = re.sub(r"_(one|other)$", "", word)
        assert {word, base} & said or word.startswith(BUILT), word
