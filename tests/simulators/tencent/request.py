"""The documented rules of the parameters, as the cloud checks them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Body = Mapping[str, Any]

STATES = ("downloading", "burning", "updating", "done", "fail")
VERSION = re.compile(r"[A-Za-z0-9._-]{1,32}")  # console manual: 1-32 letters, digits, . - _


class Refusal(Exception):  # noqa: N818  a business error, answered and not raised further
    """The cloud says no, with a code of its tables."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back, and what the record keeps of it."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""
    said: str = ""
    why: str = ""
    repeatable: str = ""  # what no report is, but may be said again when its reply was lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The parameters of AppReportOTAStatus."""

    version: str
    state: str
    code: int
    message: str
    percent: int | None

    @property
    def said(self) -> str:
        """The report in a word or two."""
        percent = "" if self.percent is None else f" {self.percent}"
        return f"{self.state}{percent}" if self.state != "fail" else f"fail {self.code}"

    @property
    def contradicts_itself(self) -> bool:
        """Say whether the code does not fit the state; the documents do not say what the cloud does then."""
        return (self.state == "fail") != (self.code != 0)


def text(body: Body, name: str) -> str:
    """Return a required String."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise _invalid(name, value, "a non-empty String")
    return value


def device_of(body: Body) -> str:
    """Return the device's address, ``product/name``."""
    return f"{text(body, 'ProductId')}/{text(body, 'DeviceName')}"


def report_of(body: Body) -> Report:
    """Check every rule of AppReportOTAStatus (1081/86902)."""
    state = text(body, "State")
    if state not in STATES:
        raise _invalid("State", state, f"one of {', '.join(STATES)}")
    return Report(
        version=_version(body),
        state=state,
        code=_integer(body, "ResultCode", -5, 0),
        message=_message(body, state),
        percent=None if "Persent" not in body else _integer(body, "Persent", 0, 100),
    )


def _version(body: Body) -> str:
    version = text(body, "Version")
    if not VERSION.fullmatch(version):
        raise _invalid("Version", version, "1-32 of letters, digits, '.', '-', '_'")
    return version


def _integer(body: Body, name: str, low: int, high: int) -> int:
    value = body.get(name)
    if type(value) is not int or not low <= value <= high:
        raise _invalid(name, value, f"an Int from {low} to {high}")
    return value


def _message(body: Body, state: str) -> str:
    if state == "fail":
        return text(body, "ResultMsg")
    message = body.get("ResultMsg", "")
    if not isinstance(message, str):
        raise _invalid("ResultMsg", message, "a String")
    return message


def _invalid(name: str, value: object, rule: str) -> Refusal:
    # A missing parameter too gets the code of the Action's own table; none lists ErrorRequiredParamNotFound.
    return Refusal("InvalidParameterValue", f"{name} is {value!r}; it must be {rule}")
