"""The floors of the house hold: who may import whom, how large a thing may grow, and who may catch everything."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted([*ROOT.glob("gateway/**/*.py"), *ROOT.glob("adapters/**/*.py")])
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
MAY_CATCH_EVERYTHING = {
    # The loop that must outlive one bad message.
    ("gateway/core/dispatcher.py", "_send"),
    # The loops that ask clouds must outlive one bad answer.
    ("gateway/core/calls.py", "asked_of"),
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    """The path as people write it."""
    return path.relative_to(ROOT).as_posix()


every_module = pytest.mark.parametrize("path", MODULES, ids=name_of)


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function and method in a module, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def names_everything(caught: ast.expr | None) -> bool:
    """Whether an except clause catches whatever comes."""
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(ast.unparse(name).rpartition(".")[2] in {"Exception", "BaseException"} for name in names)


def lets_go(handler: ast.ExceptHandler) -> bool:
    """Whether it only cleans up and raises what it caught."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def catchers(tree: ast.AST) -> list[str]:
    """Names of the innermost functions of a module that catch everything."""
    found: list[str] = []
    place = "the module itself"
    stack: list[tuple[ast.AST, str]] = [(tree, place)]
    while stack:
        node, place = stack.pop()
        if isinstance(node, Function):
            place = node.name
        if isinstance(node, ast.ExceptHandler) and names_everything(node.type) and not lets_go(node):
            found.append(place)
        stack += [(child, place) for child in ast.iter_child_nodes(node)]
    return found


def test_import_contracts_hold() -> None:
    """The floors, the clouds' independence, the one room that knows the broker: pyproject.toml has them all."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()"]
    result = subprocess.run(
        [*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr


@every_module
def test_a_module_says_what_it_is_for(path: Path) -> None:
    """One sentence at least, at its head."""
    assert ast.get_docstring(ast.parse(path.read_text()))


@every_module
def test_a_file_stays_small(path: Path) -> None:
    """Who needs more has two things in one file."""
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize(
    "path",
    # A migration lists what the schema was.
    [path for path in MODULES if "migrations" not in path.parts],
    ids=name_of,
)
def test_a_function_stays_small(path: Path) -> None:
    """Who needs more has two things in one function."""
    tree = ast.parse(path.read_text())
    long = [f.name for f in functions(tree) if (f.end_lineno or 0) - f.lineno >= MAX_FUNCTION_LINES]
    assert long == []


@every_module
def test_nobody_else_catches_everything(path: Path) -> None:
    """Everybody else catches what they can do something about."""
    allowed = {function for file, function in MAY_CATCH_EVERYTHING if file == name_of(path)}
    assert set(catchers(ast.parse(path.read_text()))) == allowed


def test_who_may_catch_everything_is_still_there() -> None:
    """A list of exceptions that names what is gone hides the next one."""
    assert all((ROOT / file).exists() for file, _ in MAY_CATCH_EVERYTHING)
