"""What OneNET says of tasks, in either generation."""

import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.onenet.channel import Answer, read_answer
from adapters.onenet.offers import Task, read_task
from adapters.onenet.views import view
from gateway.model.identity import DEFAULT_MODULE, Version
from gateway.model.states import State
from tests.unit.adapters.events import DEVICE, TARGET
from tests.vectors import load

VECTORS = load("onenet")
STATUSES = VECTORS["statuses"]["states"]
MD5 = "ad2f4e4ea2a27eace7e4913139f8f01a"
RUNNING = Version("1.0")


def named(case: dict[str, Any]) -> str:
    """Show a vector by its name."""
    return str(case["name"])


@pytest.mark.parametrize("case", VECTORS["tasks"], ids=named)
def test_task_is_read(case: dict[str, Any]) -> None:
    """A task names target, image and what speaks for it; an md5 is one in any case."""
    task = read_task(case["data"], 7.0)

    assert task is not None
    assert {name: getattr(task, name) for name in case["task"]} == case["task"]
    assert (task.md5, task.fetched_at, task.retry, task.interval) == (MD5, 7.0, None, None)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"target": "2.0"},
        {"token": "t"},
        {"target": "", "token": "t"},
        {"target": "2.0", "token": ""},
        {"target": 2, "tid": 1},
        {"target": "2" * 1025, "token": "t"},
        {"target": "2.0", "token": "t" * 1025},
        {"target": "2.0\0", "tid": 1},
        {"target": "2.0", "tid": 2**53},
    ],
)
def test_task_without_a_name_is_none(data: dict[str, Any]) -> None:
    """Without a target, or without what speaks for it, there is no task; nor with one that nobody could keep."""
    assert read_task(data, 0.0) is None


@pytest.mark.parametrize("nonsense", [None, "", "22", -1, 0, True, [], 2**53, 10**400])
def test_nonsense_in_a_task_is_unknown(nonsense: Any) -> None:
    """Whatever is no number is not said; an md5 that is none cannot prove anything."""
    given = dict.fromkeys(("size", "md5", "signal", "power", "retry", "interval", "type"), nonsense)
    task = read_task({"target": "2.0", "token": "t", **given}, 0.0)

    assert task == Task(token="t", target=TARGET, fetched_at=0.0)


def test_order_hands_on_what_the_device_must_have() -> None:
    """Battery, signal and the manner of trying again reach the gateway with the order."""
    task = Task(
        token="t",
        target=TARGET,
        fetched_at=0.0,
        size=22,
        signal=10,
        power=50,
        retry=3,
        interval=30,
        is_delta=True,
    )
    order = task.order(DEVICE, DEFAULT_MODULE, url="http://u.example", handle="h")

    assert (order.min_power, order.min_signal, order.retries, order.retry_interval) == (50, 10, 3, 30.0)
    assert (order.is_delta, order.handle, order.firmware.size) == (True, "h", 22)
    assert "t" not in (order.handle, order.firmware.url)


@pytest.mark.parametrize("case", VECTORS["answers"], ids=named)
def test_answer_is_read_in_the_numbers_of_the_south(case: dict[str, Any]) -> None:
    """Both forms of an answer are read, and both vocabularies become one."""
    answer = read_answer(json.dumps(case["body"]).encode())

    assert answer is not None
    assert answer.errno == case["errno"]
    assert answer.code == case["body"].get("errno", case["body"].get("code"))


TASK = Task(token="1022", target=TARGET, fetched_at=0.0)


def said(errno: int, **data: Any) -> Answer:
    """Return an answer."""
    return Answer(errno=errno, code=errno, data=data)


@pytest.mark.parametrize("status", STATUSES)
def test_status_means_what_the_list_says(status: str) -> None:
    """Each number of the fuse interface stands for one state."""
    seen = view(said(0, status=int(status)), TASK, module=DEFAULT_MODULE, running=RUNNING)

    assert seen is not None
    assert (seen.target, seen.state) == (TARGET, State(STATUSES[status]))


@pytest.mark.parametrize("status", [None, 0, 7, "1", True])
def test_task_without_a_status_is_open_and_no_more(status: Any) -> None:
    """The south tells that there is a task; an unknown number says as much."""
    seen = view(
        said(0, target="3.0", token="secret", status=status), None, module=DEFAULT_MODULE, running=RUNNING
    )

    assert seen is not None
    assert (seen.target, seen.state, seen.detail) == ("3.0", None, "open")
    assert "secret" not in seen.raw


@pytest.mark.parametrize(
    ("errno", "task", "target", "state"),
    [
        (19, TASK, TARGET, None),
        (19, None, None, None),
        (20, TASK, TARGET, None),
        (20, None, RUNNING, State.SUCCEEDED),
        (22, TASK, TARGET, State.CANCELED),
    ],
)
def test_errno_tells_where_a_task_stands(
    errno: int, task: Task | None, target: Version | None, state: State | None
) -> None:
    """Paused, finished and cancelled tasks answer with a number instead of a status."""
    seen = view(said(errno), task, module=DEFAULT_MODULE, running=RUNNING)

    assert seen is not None
    assert (seen.target, seen.state) == (target, state)


@pytest.mark.parametrize("errno", [1, 4, 11, 12, 27])
def test_other_errno_tells_of_no_task(errno: int) -> None:
    """Whatever else is answered is no view."""
    assert view(said(errno), TASK, module=DEFAULT_MODULE, running=RUNNING) is None


def test_pause_is_the_clouds_or_a_minute() -> None:
    """A paused task is asked about again when the cloud likes, or after a minute."""
    assert (TASK.pause, replace(TASK, interval=5).pause) == (60.0, 5.0)
