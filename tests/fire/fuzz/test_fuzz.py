"""Every seed keeps the laws, on every Python; and some seconds of coverage-guided fuzzing find nothing more."""

import importlib
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fire.fuzz import MODULES, command_of, inputs_tried, missing
from tests.fire.fuzz.mutation import mutated, words_of
from tests.fire.fuzz.target import Target

ROOT = Path(__file__).parents[3]
SECONDS = int(os.environ.get("FUZZ_SECONDS", "1"))
SEED = 20_261_121
TARGETS: dict[str, Target] = {
    name: importlib.import_module(f"tests.fire.fuzz.{module}").TARGETS[name]
    for name, module in MODULES.items()
}

Runs = dict[str, "Future[subprocess.CompletedProcess[str]]"]


def fuzzed(name: str) -> subprocess.CompletedProcess[str]:
    """Fuzz in a process of its own."""
    command = command_of(name, seconds=SECONDS, seed=SEED)
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS + 60
    )


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    """Fuzz all targets, as many at once as there are cores."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield {name: pool.submit(fuzzed, name) for name in MODULES}
        pool.shutdown(cancel_futures=True)


@pytest.mark.skipif(missing() is not None, reason=missing() or "")
@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_found(runs: Runs, name: str) -> None:
    """No input breaks a law; what does lies in build/fuzz."""
    run = runs[name].result()

    assert run.returncode == 0, run.stderr[-4000:]
    assert inputs_tried(run.stderr)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_seeds_keep_the_laws(target: Target) -> None:
    """Without the fuzzer, too."""
    for each in target.seeds:
        target.judge(each)
        assert len(each) <= target.max_bytes


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.is_json])
def test_changed_seeds_keep_the_laws(name: str) -> None:
    """Some changes of each tree, the same ones each time."""
    target = TARGETS[name]
    words = words_of(target.seeds)

    changed = [
        mutated(each, words, target.max_bytes, seed) or b"" for each in target.seeds for seed in range(20)
    ]
    for each in changed:
        target.judge(each)
    assert len(set(changed)) > 15


def test_every_target_has_its_place() -> None:
    """What a module offers is fuzzed, under its own name."""
    offered = {
        (name, module)
        for module in set(MODULES.values())
        for name in importlib.import_module(f"tests.fire.fuzz.{module}").TARGETS
    }
    assert offered == set(MODULES.items())
