"""What the vendors' pages and tools say, recorded with its source; and how a test reads it."""

import json
from pathlib import Path
from typing import Any


def load(name: str) -> Any:
    """Return the content of a vector file."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
