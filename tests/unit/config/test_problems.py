"""The sentences that an adapter's own settings cause."""

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, HttpUrl, ValidationError

from gateway.config import Secret, problems_of


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("it must be even")
    return value


class Inner(BaseModel):
    """A table in the settings."""

    deep: int = 0


class Settings(BaseModel):
    """What an adapter wants to know."""

    model_config = ConfigDict(extra="forbid")

    url: HttpUrl = HttpUrl("http://192.0.2.1")
    access_key: Secret | None = None
    pairs: Annotated[int, AfterValidator(_even)] = 0
    inner: list[Inner] = []
    by_name: dict[str, Inner] = {}


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "vendor's type": (
        {"url": "nowhere"},
        'clouds.c.url is "nowhere"; Input should be a valid URL, relative URL without a base',
    ),
    "credentials in a URL": (
        {"url": "ftp://u:hunter2@h"},
        "clouds.c.url is \"ftp://***@h\"; URL scheme should be 'http' or 'https'",
    ),
    "own validator": ({"pairs": 3}, "clouds.c.pairs is 3; it must be even"),
    "unknown key": (
        {"acess_key": "hunter2"},
        'clouds.c.acess_key is not a known key; did you mean "access_key"?',
    ),
    "misspelt key of the gateway": (
        {"timeot": "5s"},
        'clouds.c.timeot is not a known key; did you mean "timeout"?',
    ),
    "in a list": ({"inner": [{"deep": "x"}]}, 'clouds.c.inner[0].deep is "x"; it must be a whole number'),
    "in a table": ({"by_name": {"a": {"deep": []}}}, "clouds.c.by_name.a.deep: it must be a whole number"),
    "long value": ({"pairs": "9" * 70 + "x"}, f'clouds.c.pairs is "{"9" * 60}…"; it must be a whole number'),
}


@pytest.mark.parametrize(("settings", "sentence"), CASES.values(), ids=CASES)
def test_an_adapters_mistake_reads_like_ours(settings: dict[str, Any], sentence: str) -> None:
    """The errors of any pydantic model become sentences under the cloud's key, without secrets."""
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(settings)
    assert problems_of(caught.value, "clouds.c", model=Settings, known=["timeout"]) == [sentence]


def test_without_the_model_nothing_is_suggested() -> None:
    """An unknown key is still named when only the error is known."""
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"surprise": "hunter2"})
    assert problems_of(caught.value, "clouds.c") == ["clouds.c.surprise is not a known key; remove it"]
