"""What an image costs in memory: as little as another one."""

import json
import subprocess
import sys

MEBIBYTES = 192


def test_memory_stays_flat() -> None:
    """Fetching an image, and serving it to eight at once, takes less than 32 MiB above idle."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.firmware.memory", str(MEBIBYTES)],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    figures = json.loads(done.stdout[done.stdout.index("{") :])
    assert figures["fetch_above_idle_mib"] < 32
    assert figures["serve_above_idle_mib"] < 32
