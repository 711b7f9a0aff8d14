"""What Home Assistant is told of a module."""

import re

import pytest

from gateway import hidden
from gateway.hidden import Hidden
from gateway.model.identity import DEFAULT_MODULE, DeviceId, Module, Version
from gateway.model.states import Reason, State
from gateway.model.update import Update
from gateway.ops.home_assistant import entity
from gateway.ops.home_assistant.entity import Entity

DEVICE = DeviceId("SENSOR", "s1")
RUNNING = Version("1.0")


def update(
    state: State, percent: int | None = None, reason: Reason = Reason.NONE, detail: str = ""
) -> Update:
    """Return an update to 2.0 that stands in this state."""
    return Update(
        device=DEVICE, target=Version("2.0"), state=state, percent=percent, reason=reason, detail=detail
    )


def named(device: DeviceId = DEVICE, module: str = DEFAULT_MODULE) -> Entity:
    """Return the entity of a module."""
    return Entity(site="site 01/北", device=device, module=Module(module))


def test_an_open_update_shows_where_it_leads_and_how_far_it_is() -> None:
    """The dialogue in Home Assistant has a bar."""
    said = entity.state(RUNNING, update(State.DOWNLOADING, percent=40))

    assert said["installed_version"] == "1.0"
    assert said["latest_version"] == "2.0"
    assert said["in_progress"] is True
    assert said["update_percentage"] == 40


@pytest.mark.parametrize("end", [state for state in State if state.is_terminal])
def test_an_update_that_is_over_leaves_nothing_to_install(end: State) -> None:
    """Whether it is tried again is the clouds' to say, so that no update is offered."""
    said = entity.state(RUNNING, update(end, percent=40))

    assert said["latest_version"] == said["installed_version"] == "1.0"
    assert said["in_progress"] is False
    assert said["update_percentage"] is None


def test_a_failure_says_why() -> None:
    """In the summary, which takes 255 characters and refuses more."""
    said = entity.state(RUNNING, update(State.FAILED, reason=Reason.LOW_BATTERY, detail="3.1 V " * 100))

    assert said["release_summary"].startswith("2.0 failed: LOW_BATTERY 3.1 V")
    assert len(said["release_summary"]) == 255


@pytest.mark.parametrize(
    "said",
    [
        "[look](http://evil)",
        "![](http://evil/pixel)",
        "http://evil",
        "www.evil",
        "a@evil",
        "<b>",
        "`x`",
        "# A",
        "|",
    ],
)
def test_what_a_device_says_is_no_markdown(said: str) -> None:
    """A summary is shown as Markdown: neither a link, nor a picture that tells somebody who looks, comes of it."""
    summary = entity.state(RUNNING, update(State.FAILED, reason=Reason.UNKNOWN, detail=f"\n{said}"))[
        "release_summary"
    ]

    told = summary.removeprefix("2.0 failed: UNKNOWN ")
    assert re.sub(r"\\(.)", r"\1", told) == said
    assert not re.search(r"(?<!\\)[\[\]<>`#|@:]|www\.", told)


def test_a_summary_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device may say its own password, and Home Assistant's broker is not ours."""
    known = Hidden()
    known.add("pass/word-of-s1")
    monkeypatch.setattr(hidden, "known", known)
    detail = "no login with pass/word-of-s1"

    said = entity.state(RUNNING, update(State.FAILED, reason=Reason.UNKNOWN, detail=detail))

    assert said["release_summary"] == "2.0 failed: UNKNOWN no login with \\*\\*\\*"


def test_a_device_that_said_nothing_yet_has_no_version() -> None:
    """Unknown is null, never a guess."""
    assert entity.state(None, None)["installed_version"] is None


def test_topics_take_any_name() -> None:
    """What a topic or Home Assistant's ids cannot hold is replaced, in the site's name as well."""
    topic = named(DeviceId("P.1", "灯 #+"), "mcu/2").discovery_topic("homeassistant")

    assert re.fullmatch(r"homeassistant/update/ota_gateway_site_01__/[A-Za-z0-9_-]+/config", topic)


def test_names_that_look_alike_stay_apart() -> None:
    """What was replaced makes no two devices one."""
    assert named(DeviceId("P", "a.b")).object_id != named(DeviceId("P", "a_b")).object_id
    assert named(DeviceId("P", "a")).object_id != named(DeviceId("P", "a"), "mcu").object_id


def test_only_a_module_beside_others_has_a_name_of_its_own() -> None:
    """The default one is called as its device."""
    assert named().discovery("1")["name"] is None
    assert named(module="mcu").discovery("1")["name"] == "mcu"


def test_there_is_nothing_to_press() -> None:
    """An update is the clouds' to order."""
    assert not [key for key in named().discovery("1") if "command" in key]
