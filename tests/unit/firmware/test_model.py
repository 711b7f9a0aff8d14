"""What a cloud says of an image, and by what it is known again."""

import pytest

from gateway.model.firmware import Firmware, Image, Md5, Sha256, read_md5, read_sha256, unsigned
from gateway.model.identity import Module, Version

MD5 = Md5("ad2f4e4ea2a27eace7e4913139f8f01a")
IMAGE = Image(sha256=Sha256("0" * 64), md5=MD5, size=22)
V2 = Version("2.0")


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://h/a.bin?t=1&sign=x", "https://h/a.bin"),
        ("https://H/a.bin?q-sign-algorithm=sha1&q-ak=1&q-sign-time=1;2&q-signature=f", "https://h/a.bin"),
        ("https://h/a.bin?X-Amz-Signature=f&X-Amz-Date=2&Expires=1", "https://h/a.bin"),
        ("https://h/a?OSSAccessKeyId=k&Expires=1&Signature=s", "https://h/a"),
        ("https://user:secret@h/a#part", "https://h/a"),
        ("https://h/a?id=5&sign=x", "https://h/a?id=5"),
        ("https://h/a?id=5&t=3", "https://h/a?id=5&t=3"),
    ],
)
def test_a_signature_is_no_part_of_a_name(url: str, same: str) -> None:
    """What only proves a right to read goes; a parameter that may name the image stays."""
    assert unsigned(url) == same


def test_an_md5_is_the_whole_identity() -> None:
    """Two clouds that name one md5 mean one image, wherever it lies and whatever they call it."""
    one = Firmware(version=V2, url="https://a/x", md5=MD5, size=22)
    other = Firmware(version=Version("two"), url="https://b/y", md5=MD5)
    assert one.identity == other.identity


def test_without_an_md5_the_place_and_the_version_tell() -> None:
    """The URL signed anew is the same image; under another version, or for another module, it is not."""
    first = Firmware(version=V2, url="https://a/x?t=1&sign=1")
    assert first.identity == Firmware(version=V2, url="https://a/x?t=2&sign=2").identity
    assert first.identity != Firmware(version=Version("3.0"), url="https://a/x").identity
    assert first.identity != Firmware(version=V2, module=Module("mcu"), url="https://a/x").identity


def test_a_firmware_that_cannot_be_told_from_others_is_none() -> None:
    """Neither URL nor md5, or no byte: refused when it is made."""
    with pytest.raises(ValueError, match="a URL or an md5"):
        Firmware(version=V2)
    with pytest.raises(ValueError, match="size is 0"):
        Firmware(version=V2, url="http://h/a", size=0)


def test_a_signed_url_is_not_shown() -> None:
    """The repr of a firmware goes into logs; its URL does not."""
    assert "sign" not in repr(Firmware(version=V2, url="https://h/a?sign=secret"))


def test_an_image_is_held_against_the_clouds_word() -> None:
    """Size first, then md5; what the cloud did not say contradicts nothing."""
    url = "http://h/a"
    assert IMAGE.misfit(Firmware(version=V2, url=url)) is None
    assert IMAGE.misfit(Firmware(version=V2, url=url, size=22, md5=MD5)) is None
    assert IMAGE.misfit(Firmware(version=V2, url=url, size=23, md5=MD5)) == "wrong_size"
    assert IMAGE.misfit(Firmware(version=V2, url=url, md5=Md5("0" * 32))) == "wrong_md5"


def test_digests_are_read_as_clouds_write_them() -> None:
    """Upper case and blanks are forgiven, absence is None, anything else is refused."""
    assert read_md5(f" {MD5.upper()} ") == MD5
    assert read_md5("") is None
    with pytest.raises(ValueError, match="32 hexadecimal digits"):
        read_md5("../../etc/passwd")
    assert read_sha256("a" * 64) == "a" * 64
    with pytest.raises(ValueError, match="64 lower-case"):
        read_sha256("A" * 64)
