"""Over the whole test run: no secret that a test's configuration reveals stands in anything that the test printed."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from gateway.config import Secret
from tests.leaks import leaks

# What helpers compared is shown as well, where it is not as it should be.
pytest.register_assert_rewrite(
    *(f"tests.{each.name}" for each in Path(__file__).parent.iterdir() if each.is_dir())
)
# How long an example takes says more of the machine than of the code. What CI tries it tries again the next time; new
# examples are sought everywhere else, and with `--hypothesis-profile long` for as long as it takes.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.register_profile("long", deadline=None, max_examples=20_000)
settings.load_profile("house")

#: Of the test that runs now.
_revealed: set[str] = set()


@pytest.fixture(scope="session", autouse=True)
def _secrets_are_noted() -> Iterator[None]:
    """Note every secret whose value somebody asks for."""
    reveal = Secret.reveal

    def noted(secret: Secret) -> str:
        value = reveal(secret)
        _revealed.add(value)
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Secret, "reveal", noted)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test whose output, log included, has one of them in whatever spelling."""
    report = yield
    found = leaks(_revealed, dict(report.sections)) if _revealed and report.sections else []
    if call.when == "teardown":
        _revealed.clear()
    if found and report.passed:
        report.outcome = "failed"
        report.longrepr = "secrets were printed:\n" + "\n".join(found)
    return report
