"""The systemd unit is one, is hardened, and agrees with what the gateway does."""

import re
import subprocess
from pathlib import Path

import pytest

from gateway.cli.shell import Exit
from gateway.config.sections import GatewayConfig
from gateway.core.ledger import LAST_PAUSE
from gateway.ops.notify import LOOKS
from tests.deploy.shipped import text, tool

UNIT = text("ota-gateway.service")


def value(key: str) -> str:
    """The one value of a key that is set."""
    [found] = re.findall(rf"^{key}=(.*)$", UNIT, flags=re.MULTILINE)
    return str(found)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there, as none is installed here."""
    path = tmp_path / "ota-gateway.service"
    path.write_text(UNIT.replace("/opt/ota-gateway/bin/ota-gateway", "/bin/true"))
    return path


def analyse(*arguments: str) -> str:
    """Have systemd look at it, and return what it says."""
    command = [tool("systemd-analyze", "systemd"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_takes_every_line(unit: Path) -> None:
    """No unknown key, no value out of place: systemd would only warn, and go on without it."""
    assert analyse("verify", "--man=no", str(unit)) == ""


def test_it_is_as_hardened_as_its_head_says(unit: Path) -> None:
    """A line that is dropped would raise the exposure."""
    [score] = re.findall(r"\(systemd \d+\): (\d\.\d) OK", UNIT)
    analyse("security", "--offline=true", f"--threshold={float(score) * 10:.0f}", "--no-pager", str(unit))


def test_a_mistake_in_the_configuration_is_not_tried_again() -> None:
    """The documented exit code stands in the unit; all else is tried for ever."""
    assert value("RestartPreventExitStatus") == str(int(Exit.CONFIGURATION))
    assert value("Restart") == "on-failure"
    assert value("StartLimitIntervalSec") == "0"


def test_it_owns_the_directory_that_the_gateway_writes_to() -> None:
    """The default of gateway.data_dir is systemd's for this name."""
    default = GatewayConfig.model_fields["data_dir"].default
    assert str(default) == f"/var/lib/{value('StateDirectory')}"
    assert f"/etc/{value('ConfigurationDirectory')}/gateway.toml" in value("ExecStart")


def test_the_watchdog_waits_for_a_store_that_fails() -> None:
    """Between two tries no commit ends, and a look must still see one."""
    assert value("Type") == "notify"
    assert int(value("WatchdogSec")) / LOOKS > LAST_PAUSE


def test_the_clock_can_be_asked() -> None:
    """ProtectClock= would forbid the question, too, and the alert would fire for ever."""
    assert "\nProtectClock" not in UNIT
    assert re.search(r"^SystemCallFilter=adjtimex clock_adjtime\b", UNIT, flags=re.MULTILINE)
    assert value("CapabilityBoundingSet") == ""


def test_the_user_is_made() -> None:
    """What sysusers makes is what the unit names."""
    assert text("ota-gateway.sysusers").splitlines()[-1].split()[:2] == ["u", value("User")]


def test_a_reload_is_the_signal_that_the_gateway_hears() -> None:
    """What comes of it is told by RELOADING=1 and READY=1, see test_notify.py."""
    assert value("ExecReload") == "/bin/kill -HUP $MAINPID"
    assert value("NotifyAccess") == "main"
