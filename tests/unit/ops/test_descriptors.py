"""How many file descriptors devices get."""

import pytest

from gateway.ops.descriptors import for_devices, for_listener


@pytest.mark.parametrize(
    ("wanted", "available", "given"),
    [
        (10_000, 65_536, 10_000),
        (10_000, 10_000, 9_488),
        (10_000, 1024, 512),
        (40, 80, 40),
        (0, 65_536, 65_024),
    ],
)
def test_others_have_their_share_of_the_descriptors(wanted: int, available: int, given: int) -> None:
    """Some hundreds stay for clouds, images and operators, half of them where there are few; 0 wants no bound."""
    assert for_devices(wanted, available=available) == given


@pytest.mark.parametrize(
    ("wanted", "available", "given"), [(2000, 65_536, 2000), (2000, 1024, 128), (200, 1024, 128), (200, 4, 1)]
)
def test_no_listener_takes_the_last_descriptors(wanted: int, available: int, given: int) -> None:
    """An eighth of them is the most that strangers get at the image server, or at the operators' side."""
    assert for_listener(wanted, available=available) == given
