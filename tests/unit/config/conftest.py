"""Fixtures of the configuration's tests."""

from pathlib import Path

import pytest

from tests.unit.config.writing import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a configuration file and returns its path."""

    def to_file(text: str) -> Path:
        path = tmp_path / "gateway.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file
