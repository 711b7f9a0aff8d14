"""What must not be said is not, however it is spelled, and wherever it is cut."""

import pytest

from gateway.errors import Denied, Rejected, Scope, Unavailable
from gateway.hidden import Hidden, hidden, known

SECRET = "pass/word+1=="


@pytest.mark.parametrize(
    "spelled",
    [SECRET, "pass%2Fword%2B1%3D%3D", "pass\\/word+1=="],
    ids=["as it is", "in a URL", "in JSON of PHP"],
)
@pytest.mark.parametrize("given", [SECRET, "pass%2Fword%2B1%3D%3D"], ids=["clear", "quoted"])
def test_every_spelling_is_hidden(spelled: str, given: str) -> None:
    """A secret is told in one spelling and said back in another."""
    assert hidden(f"<{spelled}>", given) == "<***>"


def test_the_longest_goes_first() -> None:
    """A secret that begins like another leaves no tail."""
    assert hidden("secret-1 secret-1-2", "secret-1", "secret-1-2") == "*** ***"


@pytest.mark.parametrize("others", [(), ("WXYZ",), ("WXYZ123456789",)], ids=["alone", "short", "long"])
@pytest.mark.parametrize("length", [4, 5, 6, 7, 8, 30])
def test_it_is_found_wherever_it_stands(length: int, others: tuple[str, ...]) -> None:
    """Not every place of a text is looked at, and none is overlooked; what else is hidden changes nothing."""
    hides, secret = Hidden(), "abcdefghijklmnopqrstuvwxyz0123"[:length]
    for value in (*others, secret):
        hides.add(value)
    for place in range(12):
        before, after = "." * place, "." * (12 - place)
        assert hides.out_of(before + secret + after) == f"{before}***{after}"
        assert hides.out_of(before + secret) == f"{before}***"


def test_nothing_is_no_secret() -> None:
    """An empty value, and one that any text may have, hide nothing."""
    assert hidden("a b c", "", "a b") == "a b c"


def test_a_secret_inside_another_value_is_hidden() -> None:
    """What is given beside the known ones does not keep these from being found."""
    assert hidden("x=abcdef y=ghijkl", "abcdef", "ghijkl") == "x=*** y=***"


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    """A secret that the configuration has."""
    monkeypatch.setattr(known, "_values", {})
    known.add(SECRET)
    return SECRET


@pytest.mark.parametrize("place", [0, 120, 1020, 4000])
def test_an_error_of_a_cloud_says_none(secret: str, place: int) -> None:
    """Neither its code nor its reason, which metrics, journal and dead letters repeat; not even half of it."""
    text = "x" * place + secret
    for error in (Unavailable(text, code=text), Rejected(text, text), Denied(Scope.LANE, text, text)):
        for said in (error.code, error.reason, str(error)):
            assert "pass/" not in said


def test_sets_are_apart() -> None:
    """What one hides another says."""
    one, other = Hidden(), Hidden()
    one.add(SECRET)
    assert (one.out_of(SECRET), other.out_of(SECRET)) == ("***", SECRET)
