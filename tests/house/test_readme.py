"""What the README draws is what the table says."""

import re
from pathlib import Path

from gateway.model.states import diagram

README = Path(__file__).parents[2] / "README.md"


def test_the_state_diagram_is_generated_from_the_table() -> None:
    """Paste `gateway.model.states.diagram()` into the README when the table changes."""
    blocks = re.findall(r"^```mermaid\n(.*?)\n```$", README.read_text(), flags=re.DOTALL | re.MULTILINE)
    assert diagram() in blocks
