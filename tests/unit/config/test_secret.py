"""Secrets: where they come from, and that they stay hidden."""

import os
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.config import Secret, Section
from gateway.errors import Denied, Scope


class Holder(Section):
    """A model as an adapter writes it."""

    access_token: Secret
    number: int = 0


def test_a_watcher_hears_every_value(tmp_path: Path) -> None:
    """What keeps secrets out of the log must know the new one as soon as anybody does."""
    heard: list[str] = []
    file = tmp_path / "token"
    file.write_text("first\n")
    secret = Secret(str(file), "file")
    secret.watch(heard.append)
    file.write_text("another one\n")
    secret.reveal()
    assert heard[0] == "first"
    assert heard[-1] == "another one"


def test_a_watcher_of_what_is_not_there_hears_it_when_it_comes(tmp_path: Path) -> None:
    """Nothing fails meanwhile."""
    heard: list[str] = []
    file = tmp_path / "token"
    secret = Secret(str(file), "file")
    secret.watch(heard.append)
    file.write_text("late")
    secret.reveal()
    assert heard == ["late"]


def test_a_literal_reveals_itself() -> None:
    """A literal is given back as written."""
    assert Secret("hunter2").reveal() == "hunter2"


@pytest.mark.parametrize(
    ("content", "value"), [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")]
)
def test_one_line_break_at_the_end_does_not_count(tmp_path: Path, content: str, value: str) -> None:
    """Editors end files with a line break; spaces and more line breaks are the secret's own."""
    path = tmp_path / "token"
    path.write_text(content, newline="")
    assert Secret(str(path), "file").reveal() == value


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A renewed token is used without a restart."""
    path = tmp_path / "token"
    path.write_text("old")
    secret = Secret(str(path), "file")
    assert secret.reveal() == "old"
    path.write_text("newer")
    assert secret.reveal() == "newer"


def test_a_file_that_is_replaced_by_one_of_the_same_size_and_time_is_read_again(tmp_path: Path) -> None:
    """A rename over the file is noticed although size and time of change are equal."""
    path, other = tmp_path / "token", tmp_path / "other"
    path.write_text("old")
    other.write_text("new")
    for each in (path, other):
        os.utime(each, ns=(1, 1))
    secret = Secret(str(path), "file")
    assert secret.reveal() == "old"
    other.replace(path)
    assert secret.reveal() == "new"


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    """Asking often costs a look at the file's date only."""
    path = tmp_path / "token"
    path.write_text("abc")
    os.utime(path, ns=(1, 1))
    secret = Secret(str(path), "file")
    secret.reveal()
    with path.open("r+") as file:
        file.write("xyz")
    os.utime(path, ns=(1, 1))
    assert secret.reveal() == "abc"


@pytest.mark.timeout(10)
def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    """A pipe in which nobody writes, a device, a file that was meant for something else: nothing waits for them."""
    pipe, log = tmp_path / "pipe", tmp_path / "log"
    os.mkfifo(pipe)
    log.write_text("x" * 65_537)
    reasons = []
    for path in (pipe, Path("/dev/zero"), log):
        with pytest.raises(Denied) as caught:
            Secret(str(path), "file").reveal()
        reasons.append(caught.value.reason)
    assert reasons == [
        f"the file {pipe} is a pipe or a device; put the secret there",
        "the file /dev/zero is a pipe or a device; put the secret there",
        f"the file {log} has more than 65536 bytes; put the secret there",
    ]


def test_a_missing_file_denies_the_lane(tmp_path: Path) -> None:
    """The lane parks, and the message names the file and the way out."""
    with pytest.raises(Denied) as caught:
        Secret(str(tmp_path / "gone"), "file").reveal()
    assert (caught.value.scope, caught.value.code) == (Scope.LANE, "secret_missing")
    assert caught.value.reason == (
        f"the file {tmp_path / 'gone'} cannot be read (No such file or directory); put the secret there"
    )


def test_an_empty_file_denies_the_lane(tmp_path: Path) -> None:
    """An empty secret is a missing one."""
    path = tmp_path / "token"
    path.write_text("\n")
    with pytest.raises(Denied, match="is empty; put the secret there"):
        Secret(str(path), "file").reveal()


def test_a_file_that_is_no_text_denies_the_lane(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are named as such, and not shown."""
    path = tmp_path / "token"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Denied, match="is not UTF-8 text; put the secret there"):
        Secret(str(path), "file").reveal()


def test_a_variable_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is asked each time."""
    secret = Secret("OTA_TEST_TOKEN", "env")
    with pytest.raises(Denied, match="the environment variable OTA_TEST_TOKEN is not set"):
        secret.reveal()
    monkeypatch.setenv("OTA_TEST_TOKEN", "abc")
    assert secret.reveal() == "abc"


def test_a_secret_tells_its_place_and_not_its_value() -> None:
    """What prints is where it comes from."""
    assert str(Secret("hunter2")) == "Secret(a literal in the configuration)"
    assert f"{Secret('/etc/token', 'file')!r}" == "Secret(the file /etc/token)"


def test_secrets_of_one_source_are_equal() -> None:
    """A reload can tell whether a secret's place changed."""
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("a", "file")}) == 2
    assert Secret("a") != "a"


def test_an_error_beside_a_secret_does_not_show_it() -> None:
    """A validation error in the same table shows no value."""
    with pytest.raises(ValidationError) as caught:
        Holder.model_validate({"access_token": "hunter2", "number": "x", "acess_token": "hunter3"})
    assert "hunter" not in str(caught.value)


def test_a_secret_says_its_forms_in_the_schema() -> None:
    """Editors that know the JSON schema offer the three forms."""
    forms = TypeAdapter(Secret).json_schema()["anyOf"]
    assert [form.get("required", form["type"]) for form in forms] == ["string", ["file"], ["env"]]


def test_a_dump_has_the_place() -> None:
    """Both kinds of dump say where the secret is."""
    holder = Holder.model_validate({"access_token": {"env": "TOKEN"}})
    assert holder.model_dump() == {"access_token": "the environment variable TOKEN", "number": 0}
    assert holder.model_dump_json() == '{"access_token":"the environment variable TOKEN","number":0}'
