"""What `check` proves on this machine."""

import fcntl
import os
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import Config, load
from gateway.ops import preflight

NEW_CERTIFICATE = [
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-days",
    "1",
]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return where a configuration and what belongs to it is written."""
    return tmp_path


def _config(site: Path, text: str) -> Config:
    path = site / "gateway.toml"
    path.write_text(text)
    return load(path, {})


def _certificate(site: Path, name: str, *options: str) -> None:
    files: list[str | Path] = ["-keyout", site / f"{name}.key", "-out", site / f"{name}.crt"]
    subprocess.run(
        [*NEW_CERTIFICATE, "-subj", f"/CN={name}", *files, *(options or ["-nodes"])],
        check=True,
        capture_output=True,
    )


def _tls(certificate: str, key: str, client_ca: str | None = None) -> str:
    ca = f'tls_client_ca = "{client_ca}"\n' if client_ca else ""
    return f'[mqtt]\ntls_listen = "127.0.0.1:0"\ntls_certificate = "{certificate}"\ntls_key = "{key}"\n{ca}'


def test_a_directory_that_can_be_made_is_good(site: Path) -> None:
    """data_dir need not be there before the first run."""
    config = _config(site, '[gateway]\ndata_dir = "new/deep"')
    assert list(preflight.directory_problems(config)) == []
    assert not (site / "new").exists()


def test_a_directory_that_is_a_file_is_a_problem(site: Path) -> None:
    """A file stands where the directory should be."""
    (site / "data").write_text("")
    config = _config(site, '[gateway]\ndata_dir = "data"')
    assert list(preflight.directory_problems(config)) == [
        f'gateway.data_dir is "{site / "data"}", and {site / "data"} is not a directory; choose another'
    ]


def test_a_directory_of_somebody_else_is_a_problem(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory without write permission is found, also where the tests run as root."""
    config = _config(site, '[gateway]\ndata_dir = "."')
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert list(preflight.directory_problems(config)) == [
        f'gateway.data_dir is "{site}", which cannot be written; let this user own it, or choose another'
    ]


def test_good_tls_files_are_good(site: Path) -> None:
    """A certificate, its key and a CA load."""
    _certificate(site, "server")
    config = _config(site, _tls("server.crt", "server.key", "server.crt"))
    assert list(preflight.tls_problems(config)) == []


def test_a_missing_certificate_is_a_problem(site: Path) -> None:
    """The sentence names both files and what they must be."""
    config = _config(site, _tls("a.crt", "a.key"))
    assert list(preflight.tls_problems(config)) == [
        (
            f'mqtt.tls_certificate is "{site}/a.crt" and mqtt.tls_key is "{site}/a.key", '
            "which do not load (No such file or directory); both must be PEM, belong together and need no password"
        )
    ]


def test_a_key_of_another_certificate_is_a_problem(site: Path) -> None:
    """A certificate and a key that do not belong together are found before the first handshake."""
    _certificate(site, "one")
    _certificate(site, "two")
    [problem] = preflight.tls_problems(_config(site, _tls("one.crt", "two.key")))
    assert "which do not load (key values mismatch)" in problem


def test_an_encrypted_key_is_a_problem_and_nobody_is_asked(site: Path) -> None:
    """A service has nobody to type a password."""
    _certificate(site, "locked", "-passout", "pass:hunter2")
    [problem] = preflight.tls_problems(_config(site, _tls("locked.crt", "locked.key")))
    assert "which do not load (the key is encrypted)" in problem


def test_a_client_ca_without_certificates_is_a_problem(site: Path) -> None:
    """Text that is no certificate is found."""
    _certificate(site, "server")
    (site / "ca.crt").write_text("nothing")
    [problem] = preflight.tls_problems(_config(site, _tls("server.crt", "server.key", "ca.crt")))
    assert problem.startswith(f'mqtt.tls_client_ca is "{site}/ca.crt", which does not load (')


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_is_a_problem(site: Path, taken: int) -> None:
    """The key and the address are named; the other listeners are fine."""
    config = _config(site, f'[mqtt]\nlisten = "127.0.0.1:{taken}"\n[http]\nlisten = "[::1]:0"')
    assert list(preflight.listen_problems(config)) == [
        (
            f'mqtt.listen is "127.0.0.1:{taken}", which cannot be listened on (Address already in use); '
            "free it, or choose another"
        )
    ]


def test_a_foreign_address_is_a_problem(site: Path) -> None:
    """An address of another machine cannot be listened on."""
    config = _config(site, '[mqtt]\nlisten = "192.0.2.1:1883"\n[http]\nlisten = "127.0.0.1:0"')
    [problem] = preflight.listen_problems(config)
    assert "Cannot assign requested address" in problem


def test_a_taken_port_of_the_firmware_server_is_a_problem(site: Path, taken: int) -> None:
    """Where devices fetch images is tried like the other addresses."""
    text = f'[firmware]\nlisten = "127.0.0.1:{taken}"\npublic_url = "http://192.0.2.1"\n'
    config = _config(site, f'{text}[mqtt]\nlisten = "127.0.0.1:0"\n[http]\nlisten = "127.0.0.1:0"')
    [problem] = preflight.listen_problems(config)
    assert problem.startswith(f'firmware.listen is "127.0.0.1:{taken}", which cannot be listened on')


def test_only_the_gateway_of_this_directory_may_hold_the_addresses(site: Path, taken: int) -> None:
    """A lock that is held excuses a taken port; the file of a gateway that has ended does not."""
    config = _config(
        site,
        f'[gateway]\ndata_dir = "."\n[mqtt]\nlisten = "127.0.0.1:{taken}"\n[http]\nlisten = "127.0.0.1:0"',
    )
    with (site / "gateway.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert list(preflight.listen_problems(config)) == []
    assert len(list(preflight.listen_problems(config))) == 1


def test_a_secret_that_is_not_there_is_a_problem(site: Path) -> None:
    """Each unreadable secret is named by its key, the adapter's own included."""
    config = _config(
        site, '[http]\ntoken = { file = "gone" }\n[clouds.c]\nadapter = "a"\nkey = { env = "OTA_TEST_GONE" }'
    )
    assert list(preflight.secret_problems(config)) == [
        f"http.token: the file {site}/gone cannot be read (No such file or directory); put the secret there",
        "clouds.c.key: the environment variable OTA_TEST_GONE is not set; put the secret there",
    ]


def test_a_store_that_is_not_there_yet_is_good(site: Path) -> None:
    """The first run makes it; check makes nothing."""
    assert list(preflight.store_problems(_config(site, '[gateway]\ndata_dir = "."'))) == []
    assert not (site / "gateway.db").exists()


def test_a_store_that_opens_is_good(site: Path) -> None:
    """An existing database is opened for reading only."""
    with sqlite3.connect(site / "gateway.db") as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    assert list(preflight.store_problems(_config(site, '[gateway]\ndata_dir = "."'))) == []


def test_a_file_that_is_no_store_is_a_problem(site: Path) -> None:
    """A damaged database is said before run sets it aside."""
    (site / "gateway.db").write_text("no database, but long enough to be read as one's header" * 10)
    [problem] = preflight.store_problems(_config(site, '[gateway]\ndata_dir = "."'))
    assert problem == (
        'store.url is "sqlite:///gateway.db", which is damaged (file is not a database); '
        "restore a copy, or run sets it aside under a new name and begins an empty one"
    )


def test_a_store_with_a_damaged_page_is_a_problem(site: Path) -> None:
    """The whole file is read: its head alone would look good."""
    path = site / "gateway.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 200)
    connection.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 8192)
    damaged = path.read_bytes()

    [problem] = preflight.store_problems(_config(site, '[gateway]\ndata_dir = "."'))

    assert problem.startswith('store.url is "sqlite:///gateway.db", which is damaged (')
    assert "run sets it aside under a new name" in problem
    assert path.read_bytes() == damaged


def test_a_store_that_is_no_file_is_a_problem(site: Path) -> None:
    """A directory in its place is not damage, and run would not put it aside."""
    (site / "gateway.db").mkdir()
    [problem] = preflight.store_problems(_config(site, '[gateway]\ndata_dir = "."'))
    assert "which cannot be opened" in problem


def test_a_server_that_is_not_there_is_a_problem(site: Path, unused_tcp_port: int) -> None:
    """PostgreSQL's own words are in the sentence, the password is not."""
    config = _config(
        site,
        f'[store]\nurl = "postgresql+psycopg://u@127.0.0.1:{unused_tcp_port}/d"\npassword = "hunter2"',
    )
    [problem] = preflight.store_problems(config)
    assert problem.startswith(
        f'store.url is "postgresql+psycopg://u@127.0.0.1:{unused_tcp_port}/d", which cannot'
    )
    assert "hunter2" not in problem
