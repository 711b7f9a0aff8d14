"""A question to the cloud and its answer, free of HTTP and of either interface."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.simulators.onenet.errno import Errno
from tests.simulators.onenet.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request: the token (south) or the task's number (fuse), the rest as it came."""

    dev_id: str
    query: Mapping[str, str]
    token: str = ""
    number: int = 0
    body: Any = None
    host: str = ""

    def integer(self, name: str) -> int | None:
        """Return an integer of the body, if it is one."""
        value = self.body.get(name) if isinstance(self.body, dict) else None
        return value if type(value) is int else None

    @property
    def kind(self) -> int | None:
        """The type that is asked for: 1 the module, 2 the MCU."""
        return {"1": 1, "2": 2}.get(self.query.get("type", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer, and what the record keeps of it; only reports say something."""

    errno: Errno = Errno.SUCC
    data: Mapping[str, Any] | None = None
    task: Task | None = None
    said: str = ""
    why: str = ""  # the rule that the call breaks, where the errno does not say it
    is_injected: bool = False  # a fault says so, not the rules
