"""Where images may come from."""

import socket
from ipaddress import ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.errors import Rejected
from gateway.firmware.guard import ForbiddenAddressError, Guard, read_networks

ANY = Guard()
SITE = Guard(
    hosts=("ota.heclouds.com", ".myqcloud.com", "*.example.org", "10.0.0.7"),
    networks=read_networks(["10.0.0.0/29", "fd00::/64"]),
    ports=None,
)


@pytest.mark.parametrize(
    "url",
    [
        "https://ota-1.cos.ap-guangzhou.myqcloud.com/fw.bin?sign=q-sign-algorithm%3Dsha1%26q-ak%3DX",
        "http://203.0.114.9/a",
        "http://[2606:4700::1111]:8080/a",
    ],
)
def test_a_public_url_is_followed_to_the_letter(url: str) -> None:
    """Quoting is left as it is: the signature covers it."""
    assert str(ANY.admit(url)) == url


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/a",
        "file:///etc/passwd",
        "//h/a",
        "http:///a",
        "",
        "http://user:pw@h/a",
        "http://user@h/a",
        "http://h:22/a",
        "http://h:99999/a",
        "http://127.0.0.1/a",
        "http://127.0.0.1./a",
        "http://10.1.2.3/a",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/a",
        "http://[::ffff:127.0.0.1]/a",
        "http://[64:ff9b::7f00:1]/a",
        "http://[2002:7f00:1::]/a",
        "http://[fe80::1]/a",
        "http://[fec0::1]/a",
        "http://[fd00::1]/a",
        "http://0.0.0.0/a",
        "http://255.255.255.255/a",
        "http://224.0.0.1/a",
        "http://100.64.0.1/a",
        "http://h/a b",
        "http://h/a\r\nX-Evil: 1",
        "http://h\\@127.0.0.1/a",
        "http://h/ä",
        "http://h/" + "a" * 5000,
    ],
)
def test_a_forbidden_url_is_refused(url: str) -> None:
    """Scheme, user, port, characters, and every way to write an address of the site."""
    with pytest.raises(Rejected) as caught:
        ANY.admit(url)
    assert caught.value.code == "url_forbidden"


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("ota.heclouds.com", True),
        ("OTA.heclouds.com.", True),
        ("x.ota.heclouds.com", False),
        ("evil-ota.heclouds.com", False),
        ("a.b.myqcloud.com", True),
        ("myqcloud.com", False),
        ("evilmyqcloud.com", False),
        ("cdn.example.org", True),
        ("10.0.0.7", True),
        ("10.0.0.6", False),
    ],
)
def test_hosts_are_matched_whole_or_below_a_dot(host: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    """A pattern with a dot in front stands for all names below it, and for no look-alike."""
    if allowed:
        SITE.admit(f"http://{host}:1234/a")
        return
    with pytest.raises(Rejected):
        SITE.admit(f"http://{host}:1234/a")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("10.0.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("64:ff9b::a00:1", True),
        ("10.0.0.8", False),
        ("fd00::5", True),
        ("fd00:1::5", False),
        ("8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("ff0e::1", False),
        ("5f00::1", False),
    ],
)
def test_a_site_can_allow_networks_of_its_own(address: str, allowed: bool) -> None:  # noqa: FBT001 - a table
    """An IPv4 address counts as itself however IPv6 carries it."""
    assert SITE.admits(ip_address(address)) is allowed


class Names(AbstractResolver):
    """A name server that says something else each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give the next answer."""
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self.answers.pop(0)
        ]

    async def close(self) -> None:
        """Do nothing."""


async def test_a_mixed_answer_is_refused_whole() -> None:
    """One private address among public ones is enough."""
    connector = ANY.connector(Names(["8.8.8.8", "192.168.0.1"]))
    with pytest.raises(ForbiddenAddressError):
        await connector._resolver.resolve("h", 80)
    await connector.close()


async def test_no_socket_is_opened_to_a_forbidden_address() -> None:
    """The last look is at the very address that is connected to."""
    connector = ANY.connector(Names())
    factory = connector._socket_factory
    assert factory is not None
    with pytest.raises(ForbiddenAddressError):
        factory((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    with pytest.raises(ForbiddenAddressError):
        factory((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("localhost", 80)))
    await connector.close()
