"""What `check` proves beside the configuration's own rules: that this machine can do what it says."""

import os
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from gateway import locks
from gateway.config import Address, Config, MqttConfig, told
from gateway.errors import Denied
from gateway.hidden import hidden

_STORE_TIMEOUT_SECONDS = 5
#: The low byte of SQLite's code; the rest says more precisely where.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class _DamagedError(sqlite3.DatabaseError):
    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def problems(config: Config) -> Iterator[str]:
    """Yield all that is wrong here, also where some keys are unknown."""
    rules = (
        directory_problems,
        tls_problems,
        secret_problems,
        store_problems,
        listen_problems,
        package_problems,
    )
    for rule in rules:
        yield from told(rule(config))


def files_problems(config: Config) -> Iterator[str]:
    """Yield what is wrong with the files that the configuration names: all that can be looked at while it runs."""
    for rule in (tls_problems, secret_problems):
        yield from told(rule(config))


def directory_problems(config: Config) -> Iterator[str]:
    """Yield when data_dir can be neither used nor made."""
    wanted = config.gateway.data_dir
    existing = next((path for path in (wanted, *wanted.absolute().parents) if path.exists()), Path("/"))
    if not existing.is_dir():
        yield f'gateway.data_dir is "{wanted}", and {existing} is not a directory; choose another'
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield f'gateway.data_dir is "{wanted}", which cannot be written; let this user own it, or choose another'


def tls_problems(config: Config) -> Iterator[str]:
    """Yield when a TLS file does not load."""
    yield from told(_certificate_problem(config.mqtt))
    yield from told(_client_ca_problem(config.mqtt))


def is_in_use(data_dir: Path) -> bool:
    """Whether a gateway runs on this data directory: then the addresses are its own."""
    return locks.is_held(data_dir / "gateway.lock")


def listen_problems(config: Config) -> Iterator[str]:
    """Yield when an address cannot be listened on; not for a gateway that runs, which holds them itself."""
    if is_in_use(config.gateway.data_dir):
        return
    for section, key in (
        ("mqtt", "listen"),
        ("mqtt", "tls_listen"),
        ("http", "listen"),
        ("firmware", "listen"),
    ):
        yield from told(_listen_problem(config, section, key))


def package_problems(config: Config) -> Iterator[str]:
    """Yield when a package that only some sites need is missing."""
    if config.home_assistant is not None and find_spec("aiomqtt") is None:
        yield "home_assistant needs the package aiomqtt; install ota-gateway[home-assistant], or remove the table"


def secret_problems(config: Config) -> Iterator[str]:
    """Yield when a secret cannot be read."""
    for key, secret in config.secrets():
        try:
            secret.reveal()
        except Denied as error:
            yield f"{key}: {error.reason}"


def store_problems(config: Config) -> Iterator[str]:
    """Yield when the store cannot be opened; nothing is created or migrated."""
    try:
        if config.store.url.is_sqlite:
            data_dir = config.gateway.data_dir
            _open_file(data_dir / config.store.url.sqlite_path, is_left=not is_in_use(data_dir))
        else:
            _open_server(config.database_url())
    except Denied:
        return  # secret_problems says it
    except (sqlite3.Error, SQLAlchemyError, OSError) as error:
        password = config.store.password.reveal() if config.store.password else config.store.url.password
        words = hidden(str(getattr(error, "orig", None) or error).strip().splitlines()[0], password)
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
            yield (
                f'store.url is "{config.store.url}", which is damaged ({words}); '
                "restore a copy, or run sets it aside under a new name and begins an empty one"
            )
        else:
            yield f'store.url is "{config.store.url}", which cannot be opened ({words}); see that it is there and ours'


def _certificate_problem(mqtt: MqttConfig) -> Iterator[str]:
    if not mqtt.tls_certificate or not mqtt.tls_key:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(mqtt.tls_certificate, mqtt.tls_key, password=_no_password)
    except (OSError, ValueError) as error:
        yield (
            f'mqtt.tls_certificate is "{mqtt.tls_certificate}" and mqtt.tls_key is "{mqtt.tls_key}", '
            f"which do not load ({_words(error)}); both must be PEM, belong together and need no password"
        )


def _client_ca_problem(mqtt: MqttConfig) -> Iterator[str]:
    if not mqtt.tls_client_ca:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(mqtt.tls_client_ca)
    except OSError as error:
        yield (
            f'mqtt.tls_client_ca is "{mqtt.tls_client_ca}", which does not load ({_words(error)}); '
            "it must be PEM with one certificate or more"
        )


def _listen_problem(config: Config, section: str, key: str) -> Iterator[str]:
    address: Address | None = getattr(getattr(config, section), key, None)
    trouble = _bind(address) if address else None
    if trouble:
        yield f'{section}.{key} is "{address}", which cannot be listened on ({trouble}); free it, or choose another'


def _no_password() -> str:
    """Answer instead of OpenSSL, which would ask on the terminal."""
    raise ValueError("the key is encrypted")


def _words(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no valid PEM").lower().replace("_", " ")
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _bind(address: Address) -> str | None:
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, kind, protocol, _, place in found:
            with socket.socket(family, kind, protocol) as server:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                server.bind(place)
    except OSError as error:
        return error.strerror or str(error)
    return None


def _open_file(path: Path, *, is_left: bool) -> None:
    if not path.exists():
        return
    # An index of the log that SQLite made anew would hide from the next start what the log has lost.
    has_index = all(path.with_name(f"{path.name}{suffix}").exists() for suffix in ("-wal", "-shm"))
    how = "&readonly_shm=1" if is_left and has_index else ""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{how}", uri=True)) as connection:
        [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        # The last line is the finding; others only head it.
        raise _DamagedError(str(verdict).strip().splitlines()[-1])


def _open_server(url: str) -> None:
    engine = create_engine(url, connect_args={"connect_timeout": _STORE_TIMEOUT_SECONDS})
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    finally:
        engine.dispose()
