"""What people write: the configuration, the list of devices; and the environment beside them."""

import re
import tempfile
from pathlib import Path
from typing import Final

from gateway.config import load
from gateway.config.devices_file import DevicesFile
from gateway.config.reading import read
from gateway.errors import ConfigError
from tests.fire.fuzz.target import Target

_ROOT: Final = Path(__file__).parents[3]
_PLACE: Final = tempfile.TemporaryDirectory(prefix="fuzz-")
_FILE: Final = Path(_PLACE.name) / "file"


def configuration(data: bytes) -> None:
    """Every mistake is a sentence; a file without one loads the same twice."""
    _FILE.write_bytes(data)
    try:
        reading = read(_FILE, {})
    except ConfigError as error:
        assert error.problems
        assert all(error.problems)
        return
    assert all("\n" not in problem for problem in reading.problems)
    if not reading.problems:
        assert load(_FILE, {}) == load(_FILE, {})


def environment(data: bytes) -> None:
    """A value of a variable, which stands for any key, is one or a sentence that names the variable."""
    key, _, value = data.decode("utf-8", "replace").partition("=")
    _FILE.write_bytes(b'[gateway]\nname = "site"\n[mqtt]\n')
    variable = f"OTA_GATEWAY_{key}"
    try:
        problems = read(_FILE, {variable: value}).problems
    except ConfigError as error:
        assert all(variable in problem for problem in error.problems)
        return
    assert all(problems)


def devices(data: bytes) -> None:
    """Good rows are devices with names, the others sentences, and not too many."""
    _FILE.write_bytes(data)
    file = DevicesFile(_FILE, "products.P.devices_file", ("onenet", "tencent"), known=("onenet", "tencent"))
    listed = file.read()
    assert len(file.problems) <= 21
    assert all(each.name and not set(each.name) & set("/+#\0") for each in listed)


_ANNOTATED: Final = (_ROOT / "deploy" / "gateway.toml").read_text()
_SECTIONS: Final = tuple(
    f"[{part}".encode()[:2000]
    for part in re.sub(r"\n#(?! )", "\n", _ANNOTATED).split("\n[")
    if part[:1].isalpha()
)
_PRODUCT: Final = b"""[gateway]
name = "a"
[products.P]
dialect = "plain"
authentication = "password"
[products.P.devices.d]
secret = "s"
"""
TARGETS = {
    "configuration": Target(
        configuration,
        (*_SECTIONS, _PRODUCT, b"name=" + b"[" * 1100, b"name=" + b"9" * 4400),
        max_bytes=6000,
    ),
    "environment": Target(
        environment,
        (b"MQTT__LISTEN=127.0.0.1:1", b"GATEWAY__NAME=[1]", b'PRODUCTS={"a":{}}', b"A" + b"__A" * 40),
    ),
    "devices_file": Target(
        devices,
        (
            b"name,secret,onenet_dev_id\ndev01,secret,527776559\ndev02,secret,\n",
            b'\xef\xbb\xbfname,secret_hash\r\n"dev 1","x""y"\r\n',
            b"secret,name,name\n",
        ),
    ),
}
