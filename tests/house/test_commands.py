"""The commands as they are listed and documented: none is missing, and no option is one that nobody has."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from gateway import cli
from gateway.cli.shell import ORDER

README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = README.partition("## The command line")[2].partition("\n## ")[0]
#: What every command, or every one that lists, has; the text says so once.
EVERYWHERE = {"--config", "--json", "--help", "--language", "--limit"}


def commands() -> Iterator[tuple[str, set[str]]]:
    """Yield each command and the options that it has."""
    for name, command in typer.main.get_command(cli.app).commands.items():  # type: ignore[attr-defined]
        for each in getattr(command, "commands", {"": command}).values():
            options = [*each.params, *command.params]
            yield name, {option for param in options for option in (*param.opts, *param.secondary_opts)}


def test_the_help_lists_every_command_once() -> None:
    """In the order of a day's work."""
    assert sorted(ORDER) == sorted({name for name, _ in commands()})
    shown = typer.main.get_command(cli.app).list_commands(None)  # type: ignore[attr-defined]
    assert tuple(shown) == ORDER


@pytest.mark.parametrize("name", ORDER)
def test_a_command_stands_in_the_readme_with_its_options(name: str) -> None:
    """All of them, and none that it has not."""
    options = set().union(*(found for command, found in commands() if command == name))
    options = {option for option in options if option.startswith("--")}
    rows = [row for row in SECTION.splitlines() if re.match(rf"\| [^|]*`{name}\b", row)]
    written = set(re.findall(r"--[a-z-]+", " ".join(row.split(" | ")[0] for row in rows)))
    assert f"`{name}" in SECTION
    assert written <= options
    if rows:
        assert options - EVERYWHERE <= written
