"""Coverage-guided fuzzing of everything that reads what others wrote: `python -m tests.fire.fuzz TARGET --seconds N`.

A target is a function of bytes that reads them as the gateway does and checks laws; what it raises is a finding. Laws
for all: nothing but the declared errors, little time (`MAX_CPU_S`), little memory (`MAX_MB`); what can be written again
reads as it did. Seeds stand beside each target; what was found once is a unit test of the part that was mended.
"""

import importlib.util
import re
import sys
from typing import Final

#: Where each target is; the module is loaded only in the process that fuzzes it.
MODULES: Final = {
    name: module
    for module, names in {
        "mqtt": ("framing", "streams"),
        "devices": ("plain", "tencent", "onenet", "payload", "chunk", "chunk_answer", "link", "range"),
        "clouds": (
            "tencent_reply",
            "tencent_token",
            "onenet_answer",
            "onenet_image",
            "onenet_push",
            "names",
        ),
        "files": ("configuration", "environment", "devices_file"),
        "house": ("cursor", "row"),
    }.items()
    for name in names
}


def command_of(target: str, *, seconds: int, seed: int) -> list[str]:
    """Return the command that fuzzes one target; ends with 1 when it found something, below the project's root.

    libFuzzer ends the process that it runs in, and counts the peak memory with which that began, which is that of the
    process that started it: a small one does.
    """
    fuzz = [sys.executable, "-m", "tests.fire.fuzz", target, "--seconds", str(seconds), "--seed", str(seed)]
    return ["sh", "-c", '"$0" "$@"; exit $?', *fuzz]


def inputs_tried(said: str) -> int | None:
    """Read from what it said how many inputs it tried; None where it did not come to an end of its own."""
    found = re.search(r"^stat::number_of_executed_units: +([0-9]+)$", said, re.MULTILINE)
    return int(found[1]) if found else None


def missing() -> str | None:
    """Say what stands in the way of fuzzing here."""
    if importlib.util.find_spec("atheris") is not None:
        return None
    return "atheris is not installed: it has wheels for CPython before 3.14 on Linux x86_64"
