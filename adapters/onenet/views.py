"""What OneNET believes of a task, in canonical words. Pure."""

import json
from types import MappingProxyType
from typing import Any

from adapters.onenet.channel import Answer
from adapters.onenet.offers import Task
from gateway.ports.cloud import CloudView, Module, State, Version

PAUSED, FINISHED, CANCELED = 19, 20, 22
MAX_RAW = 1000
#: Status of a fuse task → state, and the console's word for it. The south tells only that a task is open.
STATES = MappingProxyType(
    {
        1: (State.QUEUED, "to be upgraded"),
        2: (State.DOWNLOADING, "downloading"),
        3: (State.INSTALLING, "upgrading"),
        4: (State.SUCCEEDED, "upgraded"),
        5: (State.FAILED, "failed"),
        6: (State.CANCELED, "canceled"),
    }
)


def view(answer: Answer, task: Task | None, *, module: Module, running: Version | None) -> CloudView | None:
    """Read the answer to a question where a task stands; None when it tells of none.

    `task` is the one that was asked about; without it, the cloud was asked with the version that is `running`.
    """
    target = task.target if task is not None else None
    match answer.errno:
        case 0:
            state, detail = STATES.get(_number(answer.data.get("status")), (None, "open"))
            target = _version(answer.data.get("target")) or target
        case 19:
            state, detail = None, "paused"
        case 20:
            # Asked with a version, the cloud calls a task finished that led to it.
            state, detail, target = State.SUCCEEDED if task is None else None, "finished", target or running
        case 22:
            state, detail = State.CANCELED, "canceled"
        case _:
            return None
    return CloudView(module=module, target=target, state=state, detail=detail, raw=_shown(answer))


def _shown(answer: Answer) -> str:
    # The token speaks for the task; it is no matter for eyes.
    data = {name: value for name, value in answer.data.items() if name != "token"}
    return json.dumps({"errno": answer.code, **data}, ensure_ascii=False)[:MAX_RAW]


def _number(value: Any) -> int:
    return value if type(value) is int else 0


def _version(value: Any) -> Version | None:
    return Version(value) if isinstance(value, str) and value else None
