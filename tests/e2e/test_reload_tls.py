"""A box for years renews its certificate, and shuts out one whose key was stolen, without losing a connection."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import pytest

from tests.e2e.devices import SECRET, PlainDevice
from tests.e2e.reloading import left, reloaded, rewrite
from tests.e2e.site import Site, site
from tests.fire.identity.test_tls import fingerprint
from tests.integration.broker.certificates import Authority, authority
from tests.simulators.ports import free_port

PRODUCTS = f"""
[products.C]
dialect = "plain"
authentication = "certificate"
clouds = []
[products.C.devices.d1]
[products.C.devices.d2]
[products.P]
dialect = "plain"
authentication = "password"
clouds = []
[products.P.devices.d1]
secret = "{SECRET}"
"""


@dataclass
class House:
    """A site that speaks TLS, and who signs its certificates."""

    site: Site
    own: Authority
    port: int

    async def shown(self) -> bytes:
        """Return the certificate that a new connection is shown."""
        _, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.own.client(), server_hostname="localhost"
        )
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True)
        writer.close()
        assert certificate is not None
        return certificate

    @asynccontextmanager
    async def device(self, name: str, certificate: tuple[Path, Path] | None) -> AsyncIterator[PlainDevice]:
        """Log in with a certificate, or with the password."""
        product = "C" if certificate else "P"
        async with aiomqtt.Client(
            "localhost",
            self.port,
            username=None if certificate else f"{product}/{name}",
            password=None if certificate else SECRET,
            tls_context=self.own.client(certificate),
            timeout=5,
        ) as client:
            yield PlainDevice(client, product, name)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Run a gateway behind a certificate of its own authority."""
    own, port = authority(tmp_path, "own"), free_port()
    own.issue("server", "/CN=localhost")
    files = 'tls_certificate = "server.crt"\ntls_key = "server.key"\ntls_client_ca = "own.crt"\n'
    async with site(tmp_path, PRODUCTS, "") as made:
        rewrite(made, "[mqtt]\n", f'[mqtt]\ntls_listen = "127.0.0.1:{port}"\n{files}')
        await made.start()
        yield House(made, own, port)


async def test_a_certificate_is_renewed_under_open_connections(house: House) -> None:
    """The files change, not the configuration: new handshakes meet the new one, who is in stays in."""
    before = await house.shown()
    dev1 = house.own.issue("d1", "/CN=C\\/d1")
    async with house.device("d1", dev1) as known, house.device("d1", None) as other:
        house.own.issue("server", "/CN=localhost")
        assert await house.shown() == before
        said = await reloaded(house.site)
        after = await house.shown()
        await known.runs("1.0")
        await other.runs("1.0")
    assert said["applied"] == []
    assert after != before
    assert set(await left(house.site, 2)) == {("C/d1", "disconnect"), ("P/d1", "disconnect")}


async def test_files_that_do_not_belong_together_leave_the_certificate_that_is(house: House) -> None:
    """A renewal that was cut short is refused, and the old pair goes on."""
    before = await house.shown()
    certificate, _ = house.own.issue("other", "/CN=localhost")
    (house.site.directory / "server.crt").write_bytes(certificate.read_bytes())
    said = await reloaded(house.site)
    [problem] = said["problems"]
    assert problem.endswith(
        "which do not load (key values mismatch); both must be PEM, belong together and need no password"
    )
    assert await house.shown() == before
    async with house.device("d1", None) as device:
        await device.runs("1.0")


async def test_a_certificate_that_is_denied_loses_its_connection_and_no_other_does(house: House) -> None:
    """Whoever stole the key is sent away at once; the device may come with a new one."""
    stolen, dev2 = (house.own.issue(name, f"/CN=C\\/{name}") for name in ("d1", "d2"))
    async with house.device("d2", dev2) as other, house.device("d1", None) as third:
        async with house.device("d1", stolen):
            rewrite(house.site, "[mqtt]\n", f'[mqtt]\ndenied_certificates = ["{fingerprint(stolen[0])}"]\n')
            said = await reloaded(house.site)
            await left(house.site, 1)
        with pytest.raises(aiomqtt.MqttError):
            async with house.device("d1", stolen):
                pass
        async with house.device("d1", house.own.issue("d1-new", "/CN=C\\/d1")) as device:
            await device.runs("1.0")
        await other.runs("1.0")
        await third.runs("1.0")
    assert (said["applied"], said["disconnected"]) == (["mqtt.denied_certificates changed"], 1)
    assert (await left(house.site, 3))[0] == ("C/d1", "reconfigured")


async def test_who_came_by_an_authority_that_is_trusted_no_more_has_to_come_again(house: House) -> None:
    """Its key was stolen, say: all who showed a certificate are judged anew, and so is who is about to log in."""
    theirs, dev2 = house.own.issue("d1", "/CN=C\\/d1"), house.own.issue("d2", "/CN=C\\/d2")
    trusted, following = (
        house.own.certificate,
        authority(house.site.directory, "next").certificate.read_text(),
    )
    async with house.device("d1", None) as known, house.device("d2", dev2):
        trusted.write_text(trusted.read_text() + following)
        assert (await reloaded(house.site))["disconnected"] == 0
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", house.port, ssl=house.own.client(theirs), server_hostname="localhost"
        )
        trusted.write_text(following)
        assert (await reloaded(house.site))["disconnected"] == 1
        assert await left(house.site, 1) == [("C/d2", "reconfigured")]
        assert await reader.read(1) == b""
        writer.close()
        await known.runs("1.0")
