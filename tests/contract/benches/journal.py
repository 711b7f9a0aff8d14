"""The bench of the journal."""

import json
from typing import Any

from adapters import journal
from gateway.model.states import State
from tests.contract.benches.bench import Bench


class JournalBench(Bench):
    """The file."""

    factory = journal.factory

    def order(self, *, confirm: bool = False) -> None:
        """Order nothing: it is a file."""

    def withdraw(self) -> None:
        """Nothing was ordered."""

    def settings(self, url: str) -> dict[str, Any]:
        """Name the file."""
        return {"path": "journal.jsonl"}

    def heard(self) -> list[str]:
        """Read the lines."""
        path = self.data_dir / "journal.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line)["state"] for line in lines]

    def end(self) -> str:
        """Read the last line."""
        heard = self.heard()
        return heard[-1] if heard and State(heard[-1]).is_terminal else ""
