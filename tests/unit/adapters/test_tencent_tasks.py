"""What Tencent says of tasks and images, form by form."""

from typing import Any

import pytest

from adapters.tencent.replies import MisshapenError
from adapters.tencent.tasks import STATES, Details, read_details, read_offer, read_standing
from gateway.model.firmware import Md5
from gateway.model.identity import DEFAULT_MODULE, Module, Version
from gateway.model.states import State
from tests.unit.adapters.events import TARGET
from tests.vectors import load

VECTORS = load("tencent")
STATUSES = VECTORS["statuses"]["states"]
MD5 = Md5("ad2f4e4ea2a27eace7e4913139f8f01a")


def named(case: dict[str, Any]) -> str:
    """Show a vector by its name."""
    return str(case["name"])


@pytest.mark.parametrize("case", VECTORS["offers"], ids=named)
def test_offer_is_read(case: dict[str, Any]) -> None:
    """AppGetDeviceOTAInfo names image, target and the version that the device told."""
    offer = read_offer(case["fields"])

    assert offer is not None
    assert (offer.target, offer.source) == (case["target"], case["running"])
    assert offer.url == case["fields"]["FirmwareURL"]


@pytest.mark.parametrize(
    "fields",
    [
        {"FirmwareURL": "", "TargetVersion": "", "UploadVersion": "1.0"},
        {"FirmwareURL": "", "TargetVersion": "2.0"},
        {"FirmwareURL": "https://x.example/", "TargetVersion": ""},
        {"FirmwareURL": None, "TargetVersion": None},
    ],
)
def test_empty_offer_is_none(fields: dict[str, Any]) -> None:
    """Empty fields offer nothing."""
    assert read_offer(fields) is None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"FirmwareURL": "https://x.example/"},
        {"FirmwareURL": 7, "TargetVersion": "2"},
        {"FirmwareURL": "https://x.example/", "TargetVersion": "2" * 1025},
    ],
)
def test_offer_without_its_fields_is_no_answer(fields: dict[str, Any]) -> None:
    """An answer without the fields that make an offer says neither yes nor no."""
    with pytest.raises(MisshapenError):
        read_offer(fields)


@pytest.mark.parametrize("uploaded", [None, "", 7])
def test_device_that_told_no_version_has_none(uploaded: Any) -> None:
    """UploadVersion is empty before a device has told one."""
    offer = read_offer({"FirmwareURL": "u", "TargetVersion": "2.0", "UploadVersion": uploaded})

    assert offer is not None
    assert offer.source is None


@pytest.mark.parametrize("case", VECTORS["standings"], ids=named)
def test_standing_is_read(case: dict[str, Any]) -> None:
    """AppDescribeFirmwareUpdateStatus may leave out the very field it is asked for."""
    view = read_standing(case["fields"]).view(DEFAULT_MODULE)

    assert (view.target, view.state, view.percent) == (case["target"], case["state"], case["percent"])
    assert "RequestId" not in view.raw


@pytest.mark.parametrize("status", STATUSES)
def test_status_means_what_the_pages_say(status: str) -> None:
    """Each number stands for one state, or for none."""
    wanted = STATUSES[status]
    standing = read_standing({"DstVersion": TARGET, "Status": int(status)})

    assert standing.state == (None if wanted is None else State(wanted))
    assert len(STATES) == len(STATUSES) - 1


@pytest.mark.parametrize("status", [None, "3", 3.0, True, 9, -1, 99])
def test_unknown_status_is_no_state(status: Any) -> None:
    """What the pages do not list is unknown; above all it is not 0."""
    assert read_standing({"DstVersion": TARGET, "Status": status}).state is None


def test_offline_device_is_said_to_be() -> None:
    """Status 0 tells nothing of the update, but why nothing happens."""
    view = read_standing({"DstVersion": TARGET, "Status": 0}).view(DEFAULT_MODULE)

    assert (view.state, view.detail) == (None, "the device is offline")


@pytest.mark.parametrize(
    ("given", "percent"), [(-1, 0), (0, 0), (50, 50), (101, 100), ("50", None), (None, None)]
)
def test_percent_is_a_number_in_range(given: Any, percent: int | None) -> None:
    """Percent is an Int64 from 0 to 100, or unknown."""
    assert read_standing({"Percent": given}).percent == percent


def test_answer_is_kept_for_people_within_bounds() -> None:
    """What the cloud wrote stands beside what is made of it, shortened."""
    standing = read_standing({"ErrMsg": "x" * 5000, "Status": 5})

    assert standing.text == "x" * 1000
    assert len(standing.raw) == 1000


@pytest.mark.parametrize(
    ("fields", "details"),
    [
        ({"FwType": "mcu", "Md5sum": MD5}, Details(module=DEFAULT_MODULE, md5=MD5)),
        ({"FwType": "wifi", "Md5sum": MD5.upper()}, Details(module=Module("wifi"), md5=MD5)),
        ({"FwType": None, "Md5sum": None}, Details()),
        ({"FwType": "", "Md5sum": ""}, Details()),
        ({"FwType": 7, "Md5sum": "no md5"}, Details()),
        ({}, Details()),
    ],
)
def test_details_are_read_as_far_as_they_are_told(fields: dict[str, Any], details: Details) -> None:
    """Each field of AppDescribeFirmware may be null; what the console calls mcu is the default module here."""
    assert read_details(fields, {"mcu": "default"}) == details


def test_versions_are_words() -> None:
    """A version is compared, never computed with."""
    offer = read_offer({"FirmwareURL": "u", "TargetVersion": "1.10"})

    assert offer is not None
    assert offer.target == Version("1.10")
