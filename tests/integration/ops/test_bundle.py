"""The support bundle: whole with a gateway and without one, and no secret in it in whatever spelling."""

import asyncio
import base64
import json
import re
import stat
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from gateway import cli
from gateway.model.states import State
from gateway.ops import archive
from gateway.ops.archive import Piece, pack
from gateway.ops.redaction import Redaction
from tests.integration.ops.office import D1, ONE, Office, open_office, told
from tests.leaks import leaks

DEVICE_SECRET = "dev/one+s3cret=="
FILE_TOKEN = "t0ken-that-a-file-holds"
ACCESS = "AccessToken-0123456789abcdef"
HASH = f"sha256${'5a' * 16}${'c3' * 32}"
SECRETS = (DEVICE_SECRET, FILE_TOKEN, ACCESS)
CONFIG = """\
[gateway]
data_dir = "data"
[http]
listen = "{address}"
token = {{ file = "http-token" }}
[clouds.one]
adapter = "tencent"
access_token = {{ file = "tencent-token" }}
[products.P]
dialect = "plain"
authentication = "password"
clouds = ["one"]
[products.P.devices]
d1 = {{ secret = "{secret}" }}
d2 = {{ secret_hash = "{hash}" }}
"""
WHOLE = {
    "README.txt",
    "answers.txt",
    "check.json",
    "clock.json",
    "config.json",
    "dead-letters.json",
    "devices.json",
    "disk.json",
    "drift.json",
    "errors.txt",
    "files-config.json",
    "files-data.json",
    "firmware.json",
    "journal.json",
    "log.txt",
    "metrics.txt",
    "orders.json",
    "quarantine.json",
    "status.json",
    "store.json",
    "updates-last.json",
    "updates-open.json",
    "versions.json",
}


def spellings(secret: str) -> set[str]:
    """How a secret may stand in a text."""
    data = secret.encode()
    coded = {base64.b64encode(b"user:"[:n] + data + b" and more").decode() for n in range(6)}
    return {
        secret,
        quote(secret, safe=""),
        secret.replace("/", "\\/"),
        data.hex(),
        data.hex().upper(),
        base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode(),
        secret[::-1],
        secret.upper(),
        *coded,
    }


def write_config(directory: Path, address: str) -> Path:
    """Write a configuration with a secret of each kind."""
    (directory / "http-token").write_text(FILE_TOKEN)
    (directory / "tencent-token").write_text(json.dumps({"Token": ACCESS, "ExpireAt": 1}))
    (directory / "data").mkdir(exist_ok=True)
    path = directory / "gateway.toml"
    path.write_text(CONFIG.format(address=address, secret=DEVICE_SECRET, hash=HASH))
    return path


async def happen(office: Office) -> None:
    """Let a device and a cloud say every secret, in every spelling, where they can."""
    words = " ".join(sorted(spelling for secret in SECRETS for spelling in spellings(secret)))
    await office.order(handle=words[:2000])
    office.engine.accept(told(State.FAILED, detail=words), lambda _: None, said=words.encode())
    hostile = f"\x1b[2J</script>{{0}}\u202e {words}".encode() + b"\xff\x00"
    office.engine.set_aside(D1, words, hostile, reason="bad_json", detail=words, settle=lambda _: None)
    await office.ledger.drain()
    await office.bury(ONE)


def make(config: Path, *options: str) -> Result:
    """Make a bundle beside the configuration."""
    out = str(config.parent / "bundle.tar.gz")
    return CliRunner().invoke(cli.app, ["support-bundle", "-c", str(config), "--out", out, *options])


def opened(config: Path) -> dict[str, str]:
    """Return what is in the bundle."""
    with tarfile.open(config.parent / "bundle.tar.gz") as bundle:
        found = {}
        for member in bundle.getmembers():
            file = bundle.extractfile(member)
            assert file is not None
            found[member.name.removeprefix(f"{archive.DIRECTORY}/")] = file.read().decode()
    return found


def assert_no_secret(pieces: dict[str, str]) -> None:
    """Look for every spelling in every piece, by the guard over all tests, too."""
    assert leaks(SECRETS, pieces) == []
    for name, text in pieces.items():
        for secret in SECRETS:
            for spelling in spellings(secret):
                assert spelling not in text, (name, spelling)
        assert HASH not in text, name
        for word in re.findall(r"[A-Za-z0-9+/_-]{12,}", text):
            meant = base64.b64decode(
                word[: len(word) // 4 * 4], altchars=b"-_" if set("-_") & set(word) else None
            )
            assert not any(secret.encode() in meant for secret in SECRETS), (name, word)


async def test_a_gateway_that_does_not_run_is_bundled_from_its_store(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    """Every piece is there, and each says what it can."""
    config = write_config(tmp_path, f"127.0.0.1:{unused_tcp_port}")
    async with open_office(tmp_path / "data") as office:
        await happen(office)
    log = tmp_path / "gateway.log"
    log.write_text(
        '{"level": "info", "event": "poll_failed", "error": "http_5xx"}\n'
        f'{{"level": "error", "token": "{FILE_TOKEN}", "x": "{DEVICE_SECRET}"}}\n'
    )
    result = await asyncio.to_thread(make, config, "--log", str(log))
    assert (result.exit_code, result.stderr) == (0, "")
    pieces = opened(config)
    assert set(pieces) == WHOLE
    assert_no_secret(pieces)
    assert "start it with: ota-gateway run" in pieces["answers.txt"]
    (update,) = json.loads(pieces["updates-last.json"])["updates"]
    assert [line["source"] for line in update["timeline"]] == [
        "understood",
        "cloud/one",
        "said",
        "understood",
    ]
    assert json.loads(pieces["dead-letters.json"])["dead_letters"][0]["code"] == "E17"
    store = json.loads(pieces["store.json"])
    assert (store["quick_check"], store["rows"]["updates"], store["journal_mode"]) == ("ok", 1, "wal")
    assert pieces["errors.txt"].count("\n") == 1, "an info is none, whatever its facts are called"
    assert all(name in pieces["README.txt"] for name in WHOLE - {"README.txt"})
    assert json.loads(pieces["config.json"])["products"]["P"]["devices"]["d2"]["secret_hash"] == "***"


async def test_a_gateway_that_runs_is_asked(tmp_path: Path) -> None:
    """Over its API; its store is read beside it."""
    (tmp_path / "store").mkdir()
    async with open_office(tmp_path / "store") as office:
        config = write_config(tmp_path, str(office.server.address))
        await happen(office)
        with capture_logs():
            result = await asyncio.to_thread(make, config)
    assert result.exit_code == 0, result.output
    pieces = opened(config)
    assert pieces["answers.txt"] == "a gateway answers"
    assert len(json.loads(pieces["updates-last.json"])["updates"]) == 1
    assert_no_secret(pieces)


def test_a_configuration_that_cannot_be_read_is_the_first_finding(tmp_path: Path) -> None:
    """What cannot be known is left out; the mistakes are in it."""
    config = tmp_path / "gateway.toml"
    config.write_text("[gateway]\nnam = 3\n")
    assert make(config).exit_code == 0
    pieces = opened(config)
    assert "gateway.nam" in pieces["check.json"]
    assert set(pieces) == {"README.txt", "check.json", "clock.json", "versions.json"}


def test_a_box_without_a_store_has_a_bundle(tmp_path: Path, unused_tcp_port: int) -> None:
    """Each piece that cannot be had says why."""
    config = write_config(tmp_path, f"127.0.0.1:{unused_tcp_port}")
    assert make(config).exit_code == 0
    pieces = opened(config)
    assert set(pieces) == WHOLE
    assert "this could not be had" in pieces["store.json"]
    assert "this could not be had" in pieces["status.json"]


def test_it_is_for_its_owner_and_overwrites_nothing(tmp_path: Path, unused_tcp_port: int) -> None:
    """Mode 0600; a file that is there stays as it is."""
    config = write_config(tmp_path, f"127.0.0.1:{unused_tcp_port}")
    assert make(config).exit_code == 0
    bundle = tmp_path / "bundle.tar.gz"
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    before = bundle.read_bytes()
    again = make(config)
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert "name another file with --out" in again.stderr
    assert bundle.read_bytes() == before
    nowhere = CliRunner().invoke(cli.app, ["support-bundle", "-c", str(config), "--out", "/proc/none"])
    assert (nowhere.exit_code, nowhere.stderr.count("\n")) == (1, 1)


def test_a_piece_is_bounded_and_keeps_both_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a log is."""
    monkeypatch.setattr(archive, "MOST_CHARACTERS", 100)
    pack(tmp_path / "bundle.tar.gz", "", [Piece("log.txt", "", "a" * 500 + "z")], Redaction([]))
    text = opened(tmp_path / "gateway.toml")["log.txt"]
    assert text.startswith("a" * 50 + "\n… 401 characters are left out")
    assert text.endswith("a" * 49 + "z")


def test_a_bundle_that_fails_half_way_is_not_left(tmp_path: Path) -> None:
    """Half a bundle would be taken for a whole one."""

    def pieces() -> Any:
        yield Piece("a", "", "x")
        raise ValueError("the disk is on fire")

    with pytest.raises(ValueError, match="on fire"):
        pack(tmp_path / "bundle.tar.gz", "", pieces(), Redaction([]))
    assert not (tmp_path / "bundle.tar.gz").exists()


def test_redaction_takes_thousands_of_secrets(tmp_path: Path) -> None:
    """Its cost does not grow with their number: a site may have ten thousand devices."""
    redaction = Redaction(f"secret-{n:05d}-{'x' * (n % 7)}" for n in range(5000))
    text = "\n".join(f"line {n} of a log, as they are, with nothing in it" for n in range(5000))
    assert redaction.text(text) == text
    assert redaction.text("it is secret-04999-x here") != "it is secret-04999-x here"
