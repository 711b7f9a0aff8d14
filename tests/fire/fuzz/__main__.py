"""Fuzz one target, or all of them one after the other: `python -m tests.fire.fuzz [TARGET] --seconds N [--seed N]`.

Ends with 1 when something was found; the input lies in build/fuzz then, and is judged again with `--input FILE`.
"""

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fire.fuzz import MODULES, command_of, missing
from tests.fire.fuzz.mutation import mutator
from tests.fire.fuzz.target import MAX_MB, Target, watched

FOUND = Path("build") / "fuzz"


def main() -> int:
    """Parse the command line and fuzz."""
    parser = argparse.ArgumentParser(prog="python -m tests.fire.fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", choices=sorted(MODULES))
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="0 takes a new one each time")
    parser.add_argument("--input", type=Path, help="judge this file, and nothing else")
    given = parser.parse_args()
    if lack := missing():
        print(lack, file=sys.stderr)
        return 2
    if given.target is None:
        return max(_apart(target, given.seconds, given.seed) for target in MODULES)
    _fuzz(given.target, given.seconds, given.seed, given.input)
    return 0


def _apart(target: str, seconds: int, seed: int) -> int:
    print(f"--- {target}", flush=True)
    return min(subprocess.run(command_of(target, seconds=seconds, seed=seed), check=False).returncode, 1)


def _fuzz(name: str, seconds: int, seed: int, only: Path | None) -> None:
    """Hand this process over to libFuzzer, which ends it."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["gateway", "adapters"]):
        module = importlib.import_module(f"tests.fire.fuzz.{MODULES[name]}")
    target: Target = module.TARGETS[name]
    FOUND.mkdir(parents=True, exist_ok=True)
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, each in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(each)
    arguments = [
        name,
        f"-max_total_time={seconds}",
        f"-seed={seed}",
        f"-max_len={target.max_bytes}",
        f"-rss_limit_mb={MAX_MB}",
        "-timeout=10",
        f"-artifact_prefix={FOUND}{os.sep}{name}-",
        "-print_final_stats=1",
        str(only or corpus),
    ]
    options = {}
    if target.is_json:
        options["custom_mutator"] = mutator(
            target.seeds, lambda data, most: bytes(atheris.Mutate(data, most))
        )
    atheris.Setup(arguments, watched(target), **options)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
