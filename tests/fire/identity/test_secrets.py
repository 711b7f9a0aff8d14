"""A whole gateway with known secrets everywhere, in good times and bad; then they are looked for everywhere."""

import asyncio
import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from tests.e2e.devices import SECRET, dev_id, plain, product
from tests.e2e.road_down import RoadDown, until
from tests.e2e.site import CLOUD, Site, firmware_table, site
from tests.fire.identity.door import connect
from tests.fire.identity.echo import MOODS, Echo
from tests.integration.broker.mqtt import Client
from tests.leaks import leaks
from tests.simulators import serve
from tests.simulators.fleet.ordered import Manner
from tests.simulators.onenet import KEY, RESOURCE, OneNetCloud
from tests.simulators.onenet.task import Device as OneNetDevice
from tests.simulators.ports import free_port
from tests.simulators.tencent import LOGIN_PATH, PATH, TencentCloud
from tests.simulators.tencent.account import APP_KEY, APP_SECRET, EMAIL, PASSWORD
from tests.simulators.tencent.task import Device as TencentDevice

HTTP = "http-token/with+odd=chars&more"
TENCENT = "tencent-token/with+odd=chars"
PUSH = "push-token-of-the-console"
PRODUCTS = product("PLAIN", "plain", ["d1", "d2"], more='tasks = "poll"\nretries = 0')
LOGIN = f"""
[clouds.logged]
adapter = "tencent"
requests_per_second = 5000
progress_interval = "200ms"
url = "{{url}}{PATH}"
[clouds.logged.login]
url = "{{url}}{LOGIN_PATH}"
app_key = "{APP_KEY}"
app_secret = {{{{ env = "FIRE_APP_SECRET" }}}}
email = "{EMAIL}"
password = {{{{ file = "tencent-password" }}}}
"""
READ = (
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/status",
    "/api/v1/updates",
    "/api/v1/devices",
    "/api/v1/devices/PLAIN/d1",
    "/api/v1/orders",
    "/api/v1/drift",
    "/api/v1/firmware",
    "/api/v1/dead-letters",
    "/api/v1/quarantine",
    "/api/v1/nowhere",
    "/api/v1/updates?cursor=x",
)
COMMANDS = (
    ("check",),
    ("status",),
    ("devices",),
    ("orders",),
    ("firmware",),
    ("updates", "list"),
    ("dead-letters", "list"),
    ("quarantine", "list"),
)


class Evidence:
    """Everything that anybody could read, by where it was."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}


async def read(evidence: Evidence, made: Site, *paths: str) -> None:
    """Read these with the token, without and with a wrong one."""
    for kind, token in (("right", HTTP), ("wrong", f"{HTTP}x"), ("no", None)):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with aiohttp.ClientSession(headers=headers) as session:
            for path in paths:
                async with session.get(f"http://127.0.0.1:{made.http_port}{path}") as reply:
                    text = f"{dict(reply.headers)} {await reply.text()}"
                    evidence.found[f"{path} with {kind} token"] = text


async def ask(made: Site, device: str) -> None:
    """Let the clouds be asked about a device."""
    url = f"http://127.0.0.1:{made.http_port}/api/v1/devices/{device}/ask"
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {HTTP}"}) as session,
        session.post(url) as reply,
    ):
        assert reply.status == 200


async def command(made: Site, *words: str, config: Path | None = None) -> str:
    """Run the command line, and return all that it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *words,
        "--config",
        str(config or made.config),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return said.decode()


def stored(directory: Path) -> Iterator[tuple[str, str]]:
    """Yield what lies in the store, table by table; orders have the signed URLs of images, to fetch them."""
    with sqlite3.connect(f"file:{directory / 'data' / 'gateway.db'}?mode=ro", uri=True) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            rows = database.execute(f'select * from "{table}"').fetchall()
            if table != "orders":
                yield f"table {table}", "\n".join(map(str, rows))


async def test_no_secret_is_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logins, orders, images, pushes, then clouds that say everything back: no line, page, answer or row has any."""
    monkeypatch.setenv("FIRE_APP_SECRET", APP_SECRET)
    for name, value in (("http-token", HTTP), ("tencent-token", TENCENT), ("tencent-password", PASSWORD)):
        (tmp_path / name).write_text(value + "\n")
    tencent, onenet = TencentCloud(), OneNetCloud()
    tencent.admits_any_device, tencent.tokens = True, {TENCENT: float(1 << 40)}
    evidence, secrets = Evidence(), {HTTP, TENCENT, PUSH, KEY, SECRET, PASSWORD, APP_SECRET}
    async with serve(tencent) as tencent_url, serve(onenet) as onenet_url:
        echoes = [Echo(tencent_url, [TENCENT, PASSWORD, APP_SECRET]), Echo(onenet_url, [KEY, PUSH])]
        async with serve(echoes[0]) as first, serve(echoes[1]) as second:
            clouds = CLOUD.format(
                name="tencent", more=f'url = "{first}{PATH}"\naccess_token = {{ file = "tencent-token" }}'
            )
            clouds += CLOUD.format(
                name="onenet",
                more=f'url = "{second}"\napi = "south"\nresource = "{RESOURCE}"\naccess_key = "{KEY}"\n'
                f'[clouds.onenet.push]\ntoken = "{PUSH}"\nuid = 42',
            )
            clouds += LOGIN.format(url=first)
            products = PRODUCTS.replace('"onenet"]', '"onenet", "logged"]')
            extra = 'token = { file = "http-token" }\n' + firmware_table(free_port())
            async with site(tmp_path, products, clouds, extra=extra) as made:
                made.config.write_text(
                    made.config.read_text().replace("[mqtt]", 'log_level = "debug"\n[mqtt]', 1)
                )
                for name in ("d1", "d2"):
                    tencent.devices[f"PLAIN/{name}"] = TencentDevice(version="1.0")
                    onenet.devices[dev_id("PLAIN", name)] = OneNetDevice({2: "1.0"})
                await made.start()
                links = await _good_times(RoadDown(made, tencent, onenet))
                await _bad_times(made, echoes)
                await _strangers(made)
                secrets |= links | {each for echo in echoes for each in echo.heard}
                secrets -= {APP_KEY}
                await read(evidence, made, *READ, "/api/v1/updates/PLAIN/d1/default/1")
                letters = await command(made, "dead-letters", "list", "--json")
                numbers = [letter["id"] for letter in json.loads(letters)["dead_letters"]]
                assert numbers, "no cloud refused anything: this test proves nothing"
                for number in numbers[:5]:
                    await read(evidence, made, f"/api/v1/dead-letters/{number}")
                asked = [*COMMANDS, ("updates", "show", "PLAIN/d1/default/1")]
                said = await asyncio.gather(*(command(made, *words) for words in asked))
                evidence.found |= {" ".join(words): text for words, text in zip(asked, said, strict=True)}
                await _mistakes(evidence, made)
                await made.stop()
                evidence.found |= dict(stored(tmp_path))
                evidence.found["log"] = made.log()
    assert len(evidence.found["log"].splitlines()) > 30
    assert all("***" in evidence.found[where] for where in ("log", "table journal", "table dead_letters"))
    leaked = leaks(secrets, evidence.found)
    assert not leaked, "\n".join(leaked)


async def _good_times(road: RoadDown) -> set[str]:
    """Update a device from each cloud; return the signatures of the links that were used."""
    road.tencent.create_task("PLAIN/d1", "2.0")
    road.onenet.create_task(dev_id("PLAIN", "d2"), "2.0")
    first, second = road.device("PLAIN/d1", Manner()), road.device("PLAIN/d2", Manner())
    async with first.powered(), second.powered():
        await first.until_reported("2.0")
        await second.until_reported("2.0")
    return {
        order.url.rpartition("/")[2] for device in (first, second) for order in device.orders if order.url
    }


async def _bad_times(made: Site, echoes: list[Echo]) -> None:
    """Let the clouds say everything back in every mood, while a device reports and is asked for."""
    async with plain(made.mqtt_port, "d1") as device:
        for number, mood in enumerate(MOODS):
            for echo in echoes:
                echo.says, echo.asked = mood, 0
            await ask(made, "PLAIN/d1")
            for state in ("downloading", "failed"):
                await device.stands(f"3.{number}", state)
            # A lane that was denied waits for its probe: then the next mood is its probe's.
            with suppress(TimeoutError):
                await until(lambda: all(echo.asked for echo in echoes), within_s=1.0 if number else 20.0)


async def _strangers(made: Site) -> None:
    """Log in wrongly with right secrets: at the wrong place, in the wrong field, with a letter too many."""
    for username, password in (
        ("PLAIN/d1", SECRET + "x"),
        ("PLAIN/nobody", SECRET),
        (SECRET, "PLAIN/d1"),
        (HTTP, TENCENT),
    ):
        client = await Client.open(made.mqtt_port)
        client.send(connect(username, password, client_id=SECRET))
        await client.rest()
        await client.close()
    async with aiohttp.ClientSession() as session:
        for path in (f"/push/onenet?token={PUSH}", f"/push/{PUSH}", f"/{quote(HTTP, safe='')}"):
            async with session.post(f"http://127.0.0.1:{made.http_port}{path}", data=PUSH) as reply:
                await reply.read()


async def _mistakes(evidence: Evidence, made: Site) -> None:
    """Spoil each line of the configuration that has a secret, and ask what is wrong."""
    text = made.config.read_text()
    spoilt = {
        "secret misspelt": re.sub(
            r"^(secret|access_key|token|app_key) = ", r"\1s = ", text, flags=re.MULTILINE
        ),
        "secret as a list": re.sub(
            r"^(secret|access_key|token) = (.*)$", r"\1 = [\2]", text, flags=re.MULTILINE
        ),
        "secret as a table": re.sub(
            r'^(secret|access_key|token) = (".*")$', r"\1 = { value = \2 }", text, flags=re.MULTILINE
        ),
        "no TOML": text.replace(f'secret = "{SECRET}"', f'secret = "{SECRET}'),
        "url with password": text.replace(
            "[products", f'[store]\nurl = "mysql://u:{SECRET}@h/d"\n[products', 1
        ),
        "database that is away": text.replace(
            "[products",
            f'[store]\nurl = "postgresql+psycopg://u:{quote(SECRET, safe="")}@127.0.0.1:1/d"\n[products',
            1,
        ),
    }
    paths = {}
    for number, (name, mistaken) in enumerate(spoilt.items()):
        assert mistaken != text, name
        paths[name] = made.directory / f"spoilt-{number}.toml"
        paths[name].write_text(mistaken)
    said = await asyncio.gather(*(command(made, "check", config=path) for path in paths.values()))
    assert all(said)
    evidence.found |= {f"check: {name}": text for name, text in zip(paths, said, strict=True)}
