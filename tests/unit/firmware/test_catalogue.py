"""What is held, and what goes first."""

from gateway.firmware.catalogue import Catalogue, Evictable, victims
from gateway.firmware.shelf import Held
from gateway.model.firmware import Firmware, Image, Md5, Sha256
from gateway.model.identity import Version

V1 = Version("1.0")


def held(digit: str, *, size: int = 10, used_at: float = 0.0) -> Held:
    """Return an image whose digests are one digit."""
    image = Image(sha256=Sha256(digit * 64), md5=Md5(digit * 32), size=size)
    return Held(image=image, used_at=used_at)


def test_an_image_is_found_by_its_md5_or_by_its_name() -> None:
    """A name only counts where the cloud gives no md5, and not against the size that it gives."""
    catalogue = Catalogue()
    unnamed = Firmware(version=V1, url="http://h/a")
    catalogue.add(held("a").named(unnamed.identity))
    assert catalogue.find(Firmware(version=V1, md5=Md5("a" * 32))) is not None
    assert catalogue.find(Firmware(version=V1, url="http://h/a", md5=Md5("b" * 32))) is None
    assert catalogue.find(unnamed) is not None
    assert catalogue.find(Firmware(version=V1, url="http://h/a", size=11)) is None
    assert catalogue.find(Firmware(version=V1, url="http://h/b")) is None


def test_a_name_can_move_on() -> None:
    """The newest image under a name is meant; forgetting an older one does not take the name from it."""
    catalogue = Catalogue()
    name = Firmware(version=V1, url="http://h/a")
    catalogue.add(held("a").named(name.identity))
    catalogue.add(held("b").named(name.identity))
    catalogue.remove(Sha256("a" * 64))
    catalogue.remove(Sha256("a" * 64))
    found = catalogue.find(name)
    assert found is not None
    assert found.image.sha256 == "b" * 64
    catalogue.remove(Sha256("b" * 64))
    assert catalogue.find(name) is None
    assert catalogue.find(Firmware(version=V1, md5=Md5("b" * 32))) is None


def test_an_image_is_in_use_while_anybody_keeps_it() -> None:
    """Pins of a key count once, readers each."""
    catalogue, sha256 = Catalogue(), Sha256("a" * 64)
    catalogue.pin(sha256, "one")
    catalogue.pin(sha256, "one")
    catalogue.pin(sha256, "two")
    catalogue.opened(sha256)
    catalogue.opened(sha256)
    catalogue.unpin("one")
    catalogue.unpin("one")
    assert catalogue.is_in_use(sha256)
    catalogue.unpin("two")
    catalogue.closed(sha256)
    assert catalogue.is_in_use(sha256)
    catalogue.closed(sha256)
    assert not catalogue.is_in_use(sha256)


def test_the_used_last_comes_first() -> None:
    """For lists, and for eviction the other way round."""
    catalogue = Catalogue()
    catalogue.add(held("a", used_at=1))
    catalogue.add(held("b", used_at=2))
    catalogue.use(Sha256("a" * 64), 3)
    catalogue.use(Sha256("c" * 64), 4)
    assert [each.image.sha256[0] for each in catalogue.all()] == ["a", "b"]
    assert catalogue.size == 20


def test_the_least_recently_used_go_until_there_is_room() -> None:
    """No more go than must; None when all of them are not enough."""
    old, older, new = (Evictable(str(age), False, 10, -age) for age in (2, 3, 1))
    assert victims([old, older, new], 0) == []
    assert victims([old, older, new], 10) == [older]
    assert victims([old, older, new], 11) == [older, old]
    assert victims([old, older, new], 31) is None
    assert victims([], 1) is None
