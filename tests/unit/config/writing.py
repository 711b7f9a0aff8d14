"""Write configuration files for the tests of this folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import load
from gateway.errors import ConfigError

Write = Callable[[str], Path]


def problems(path: Path, environ: dict[str, str] | None = None) -> list[str]:
    """Return the sentences that loading raises."""
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {})
    return caught.value.problems
