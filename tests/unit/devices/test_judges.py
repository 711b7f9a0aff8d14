"""Others judge from now on: who is there by right stays, who is not must go, and no login slips through between."""

import asyncio
import gc
import weakref

import pytest

from gateway.devices.access import Authentication, Credential, DeviceAccess, Judges, Product, hash_secret
from gateway.devices.dialects import DIALECTS
from gateway.errors import ConfigError
from gateway.model.identity import DeviceId
from tests.unit.devices.test_access import NOW, TENCENT_KEY, access, clear, login, product

HASH = hash_secret("s3cret", "sha256")
D1 = DeviceId("P", "d1")

#: Before, after, and whether the device has to come again.
CHANGES = {
    "nothing": (product("P", "password", d1=clear("a")), product("P", "password", d1=clear("a")), False),
    "another device": (
        product("P", "password", d1=clear("a")),
        product("P", "password", d1=clear("a"), d2=clear("b")),
        False,
    ),
    "another secret": (
        product("P", "password", d1=clear("a")),
        product("P", "password", d1=clear("b")),
        True,
    ),
    "the same hash": (
        product("P", "password", d1=Credential(secret_hash=HASH)),
        product("P", "password", d1=Credential(secret_hash=HASH)),
        False,
    ),
    "another hash": (
        product("P", "password", d1=Credential(secret_hash=HASH)),
        product("P", "password", d1=Credential(secret_hash=hash_secret("other", "sha256"))),
        True,
    ),
    "no such device": (product("P", "password", d1=clear("a")), product("P", "password"), True),
    "no such product": (product("P", "password", d1=clear("a")), product("Q", "password"), True),
    "another login": (
        product("P", "password", d1=clear(TENCENT_KEY)),
        product("P", "tencent", d1=clear(TENCENT_KEY)),
        True,
    ),
    "strangers": (product("P", "anonymous"), product("P", "anonymous"), False),
    "strangers no more": (product("P", "anonymous"), product("P", "password", d1=clear("a")), True),
    "certificate": (
        product("P", "certificate", d1=Credential()),
        product("P", "certificate", d1=Credential()),
        False,
    ),
}


@pytest.mark.parametrize(("before", "after", "must_go"), CHANGES.values(), ids=CHANGES)
def test_who_would_not_come_in_the_same_way_must_go(before: Product, after: Product, must_go: bool) -> None:  # noqa: FBT001 - a table's column
    """The way, the proof and the dialect are what a connection stands on."""
    door = access(before)
    assert door.replace(door.judges([after]))(D1, None) is must_go


def test_another_dialect_is_another_way() -> None:
    """What the device says would be read as something else."""
    door = access(product("P", "password", d1=clear("a")))
    other = Product(
        id="P",
        dialect=DIALECTS["tencent"],
        authentication=Authentication.PASSWORD,
        devices={"d1": clear("a")},
    )
    assert door.replace(door.judges([other]))(D1, None)


def test_a_certificate_that_is_denied_now_must_go() -> None:
    """And one that was denied before was not let in: it is not news."""
    made = product("P", "certificate", d1=Credential())
    door = DeviceAccess([made], denied={"old"})
    must_go = door.replace(door.judges([made], denied={"old", "new"}))
    assert [must_go(D1, fingerprint) for fingerprint in ("new", "old", "other", None)] == [
        True,
        False,
        False,
        False,
    ]


async def test_judges_that_cannot_be_made_leave_the_others_in_place() -> None:
    """Everything that can fail does so before anything is replaced."""
    door = access(product("P", "password", d1=clear("a")))
    with pytest.raises(ConfigError):
        door.judges([product("P", "tencent", d1=clear("no base64!"))])
    assert await door.authenticate(login("P/d1", "a")) == D1


@pytest.mark.parametrize(("secret", "expected"), [("a", D1), ("b", None)])
async def test_a_login_that_is_judged_meanwhile_is_judged_again(
    secret: str, expected: DeviceId | None
) -> None:
    """A slow hash may take longer than a reload: who proved himself to those who left has proved nothing."""
    slow = product("P", "password", d1=Credential(secret_hash=hash_secret("a", "scrypt")))
    door = access(slow)
    judged = asyncio.create_task(door.authenticate(login("P/d1", "a")))
    await _begun(judged)
    door.replace(door.judges([product("P", "password", d1=clear(secret))]))
    assert await judged == expected


async def _begun(task: "asyncio.Task[DeviceId | None]") -> None:
    """Let it run until it waits for the hash, which takes milliseconds on a thread."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()


async def test_rights_follow_the_dialect_in_force() -> None:
    """Topics of the dialect before are nobody's."""
    door = access(product("P", "password", d1=clear("a")))
    assert door.may_publish(D1, "ota/P/d1/report")
    door.replace(door.judges([]))
    assert not door.may_publish(D1, "ota/P/d1/report")
    assert not door.may_subscribe(D1, "ota/P/d1/command")


async def test_judges_whose_place_others_take_take_no_memory() -> None:
    """Neither they nor what they remember of a device waits for the garbage collector, a rare guest here."""
    before = Judges([product("P", "password", d1=clear("a"))], denied=(), wall_clock=lambda: NOW)
    door = access(product("P", "password", d1=clear("a")))
    gc.collect()
    gc.disable()
    try:
        door.replace(before)
        assert door.may_publish(D1, "ota/P/d1/report")
        judges, rights = weakref.ref(before), weakref.ref(before.rights)
        del before
        door.replace(door.judges([]))
        assert (judges(), rights()) == (None, None)
    finally:
        gc.enable()
