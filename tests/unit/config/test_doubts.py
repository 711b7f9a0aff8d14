"""What `check` warns of although every rule is kept."""

from pathlib import Path

import pytest

from gateway.config import doubts, load

CONFIG = """\
[firmware]
public_url = "{url}"
[clouds.journal]
adapter = "journal"
[products.LAMP]
dialect = "{dialect}"
authentication = "password"
clouds = ["journal"]
tasks = "{tasks}"
"""


def told(directory: Path, url: str, dialect: str = "tencent", tasks: str = "poll") -> list[str]:
    """Return the doubts about a configuration."""
    path = directory / "gateway.toml"
    path.write_text(CONFIG.format(url=url, dialect=dialect, tasks=tasks))
    return list(doubts(load(path, {})))


@pytest.mark.parametrize(("token", "is_short"), [("x", True), ("x" * 15, True), ("x" * 16, False)])
def test_a_token_that_can_be_guessed_is_named(tmp_path: Path, token: str, is_short: bool) -> None:  # noqa: FBT001
    """But not shown; who has none listens on loopback only, and is told nothing."""
    path = tmp_path / "gateway.toml"
    path.write_text(f'[http]\ntoken = "{token}"\n')

    said = list(doubts(load(path, {})))

    sentence = (
        "http.token is short enough to be guessed; take one of 16 characters or more, "
        "as `openssl rand -hex 16` prints them"
    )
    assert said == [sentence] * is_short


def test_a_token_that_is_not_there_is_no_doubt(tmp_path: Path) -> None:
    """It is a mistake, which is said as one."""
    path = tmp_path / "gateway.toml"
    path.write_text('[http]\ntoken = { file = "gone" }\n')

    assert list(doubts(load(path, {}))) == []


@pytest.mark.parametrize("url", ["http://192.0.2.10:8070", "http://[2001:db8::1]:8070/images"])
def test_a_port_that_tencent_s_c_sdk_cannot_read_is_named(tmp_path: Path, url: str) -> None:
    """It looks up host and port as one name, and reports a failure at once."""
    [said] = told(tmp_path, url)

    assert said == (
        f'firmware.public_url is "{url}", from which devices of LAMP fetch: Tencent\'s C SDK reads '
        "no port in a URL; where they have it, serve port 80 and leave the port out"
    )


@pytest.mark.parametrize(
    ("url", "dialect", "tasks"),
    [
        ("http://192.0.2.10", "tencent", "poll"),
        ("http://[2001:db8::1]", "tencent", "poll"),
        ("http://192.0.2.10:8070", "plain", "poll"),
        ("http://192.0.2.10:8070", "tencent", "off"),
    ],
)
def test_nobody_is_warned_without_need(tmp_path: Path, url: str, dialect: str, tasks: str) -> None:
    """Other devices read ports, and who only reports fetches nothing."""
    assert told(tmp_path, url, dialect, tasks) == []
