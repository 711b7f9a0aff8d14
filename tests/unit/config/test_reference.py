"""The annotated reference in deploy/ and the code say the same."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from gateway.clouds import registry
from gateway.config import Config, ProductConfig, load
from gateway.config.products import Failure, OpenState
from gateway.model.policy import PASSING
from gateway.model.states import TABLE, Reason, State

REFERENCE = Path(__file__).parents[3] / "deploy" / "gateway.toml"
#: Ends that somebody decided, or that are no failures.
DECISIONS = {
    Reason.NONE,
    Reason.TASK_EXPIRED,
    Reason.DENIED_BY_USER,
    Reason.CANCELED_BY_CLOUD,
    Reason.CANCELED_BY_OPERATOR,
    Reason.SUPERSEDED,
    Reason.CLOUD_REJECTED,
}
NOT_KEYS = {"settings", "external", "devices", "clouds", "products"}


def _with_defaults() -> str:
    """Return the reference with every commented default in force."""
    lines = REFERENCE.read_text(encoding="utf-8").splitlines()
    return "\n".join(
        line[1:] if re.match(r"#\w+ = ", line) and "(no default)" not in line else line for line in lines
    )


def _keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _keys(part)


def _without_settings(config: Config) -> dict[str, Any]:
    clouds = {name: cloud.model_copy(update={"settings": {}}) for name, cloud in config.clouds.items()}
    return dict(config.model_copy(update={"clouds": clouds}))


def _settings(config: Config) -> dict[str, Any]:
    """Return what each adapter reads in its table, defaults included."""
    return {prepared.name: prepared.settings for prepared in registry.prepare(config.clouds)}


def test_the_reference_loads(tmp_path: Path) -> None:
    """What we ship is a good configuration, and its secrets are readable once they are there."""
    path = tmp_path / "gateway.toml"
    path.write_text(REFERENCE.read_text(encoding="utf-8"), encoding="utf-8")
    for name in ("http-token", "tencent-token", "onenet-key", "dev01-secret"):
        (tmp_path / name).write_text(f"{name}\n")
    config = load(path, {})
    assert [secret.reveal() for _, secret in config.secrets()] == [
        "http-token",
        "tencent-token",
        "onenet-key",
        "dev01-secret",
    ]


@pytest.mark.parametrize("key", sorted(set(_keys(Config)) - NOT_KEYS))
def test_every_key_is_explained(key: str) -> None:
    """No field of the configuration is missing in the reference."""
    text = REFERENCE.read_text(encoding="utf-8")
    assert re.search(rf"^#?{key} = |^#?\[{key}|\.{key}\]$", text, re.MULTILINE)


def test_every_commented_default_is_the_code_s(tmp_path: Path) -> None:
    """Putting every default in force changes nothing but the deadlines, which stand in the state table."""
    path = tmp_path / "gateway.toml"
    path.write_text(REFERENCE.read_text(encoding="utf-8"), encoding="utf-8")
    shipped = load(path, {})
    path.write_text(_with_defaults(), encoding="utf-8")
    explicit = load(path, {})
    product = explicit.products["PR0DUCT01"]
    without = product.model_copy(update={"deadlines": {}})
    assert _without_settings(explicit) | {"products": {"PR0DUCT01": without}} == _without_settings(shipped)
    assert _settings(explicit) == _settings(shipped)
    assert product.deadlines == {
        state.value: rule.deadline for state, rule in TABLE.items() if rule.deadline is not None
    }


def test_the_examples_of_clouds_are_good(tmp_path: Path) -> None:
    """The tables that stand there as examples are taken, by the adapters too."""
    path = tmp_path / "gateway.toml"
    text = REFERENCE.read_text(encoding="utf-8")
    for table in ("home_assistant", "clouds.tencent.login", "clouds.onenet.push", "clouds.fuse"):
        found = re.search(rf"^#\[{re.escape(table)}\]\n(?:#.*\n)+", text, re.MULTILINE)
        assert found, table
        text = text.replace(found[0], re.sub("^#", "", found[0], flags=re.MULTILINE))
    path.write_text(text.replace('access_token = { file = "tencent-token" }\n', ""), encoding="utf-8")
    config = load(path, {})
    assert _settings(config).keys() == {"tencent", "onenet", "fuse"}
    assert str(config.home_assistant and config.home_assistant.broker) == "192.0.2.20:1883"


def test_the_states_with_a_deadline_are_those_of_the_model() -> None:
    """The configuration names every state that is not the end of an update, and no other."""
    assert set(get_args(OpenState)) == {state.value for state in State if not state.is_terminal}


def test_the_reasons_to_retry_are_those_of_the_model() -> None:
    """Every reason can be retried for, unless somebody decided it; the passing ones are, by default."""
    assert set(get_args(Failure)) == {reason.value for reason in Reason if reason not in DECISIONS}
    product = ProductConfig(dialect="plain", authentication="password", clouds=[])
    assert frozenset(map(Reason, product.retry_reasons)) == PASSING


def test_the_reference_is_complete_in_itself() -> None:
    """With the defaults in force the file is still TOML and has every table of the configuration."""
    document: dict[str, Any] = tomllib.loads(_with_defaults())
    assert document.keys() | {"home_assistant"} == Config.model_fields.keys()
    assert set(_keys(ProductConfig)) - NOT_KEYS - {"secret_hash", "devices_file"} <= (
        document["products"]["PR0DUCT01"].keys()
        | document["products"]["PR0DUCT01"]["devices"]["dev01"].keys()
    )
