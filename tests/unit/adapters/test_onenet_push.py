"""Pushes of OneNET: read in both variants, believed only when signed, and never more than a hint."""

import json
from typing import Any

import pytest

from adapters.onenet.push import Push, PushError, answer, answer_to_verification, read_push
from gateway.ports.cloud import PushAnswer, PushRequest
from tests.simulators.onenet import signature_b
from tests.vectors import load

PUSHES = load("onenet")["pushes"]
TOKEN, UID = "push-token-001", "42"
CONSTANT = "40e936955495c1419434800e0a3db9ee"


def named(case: dict[str, Any]) -> str:
    """Show a vector by its name."""
    return str(case["name"])


@pytest.mark.parametrize("case", PUSHES, ids=named)
def test_push_is_read(case: dict[str, Any]) -> None:
    """Each variant names devices, and what happened as far as it says."""
    push = read_push(case["body"].encode(), token=case["token"], uid=case["uid"])

    assert push == Push(
        dev_ids=tuple(case["push"]["dev_ids"]), kind=case["push"]["kind"], version=case["push"]["version"]
    )


@pytest.mark.parametrize("case", PUSHES, ids=named)
def test_push_of_who_does_not_know_the_token_is_refused(case: dict[str, Any]) -> None:
    """Another token signs otherwise."""
    with pytest.raises(PushError, match="signature"):
        read_push(case["body"].encode(), token="another", uid=case["uid"])


def test_uid_of_the_body_proves_nothing() -> None:
    """The documented sample carries another uid than the one that signs it."""
    body = json.dumps({"info": {"uid": 42}, "signature": CONSTANT, "msg": {"dids": [1]}})

    with pytest.raises(PushError):
        read_push(body.encode(), token=TOKEN, uid="1")


def test_message_in_the_demos_own_order_is_recognised() -> None:
    """A message that was sorted on its way is tried in the order of the vendor's demo."""
    message = {"uid": 42, "pid": 100001, "at": 7, "dids": [1, 2], "type": 1, "startTime": 7, "version": "2.0"}
    signed = signature_b(TOKEN, "n", json.dumps(message, separators=(",", ":")))
    body = json.dumps({"msg": message, "nonce": "n", "signature": signed}, sort_keys=True, indent=1)

    push = read_push(body.encode(), token=TOKEN, uid=UID)

    assert push == Push(dev_ids=("1", "2"), kind=1, version="2.0")


def test_word_msg_inside_the_message_does_not_mislead() -> None:
    """The signed text is found wherever else the word stands."""
    text = '{"note":"\\"msg\\": {","msg":1,"dids":[5]}'
    body = f'{{"msg":{text},"nonce":"n","signature":"{signature_b(TOKEN, "n", text)}"}}'

    assert read_push(body.encode(), token=TOKEN, uid=UID).dev_ids == ("5",)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"signature": 7, "msg": {}}',
        b'{"signature": "x", "msg": []}',
        b'{"signature": "\xc3\xa9", "nonce": "\\ud800", "msg": {"x": "\\ud800"}}',
    ],
)
def test_anything_else_is_no_push(body: bytes) -> None:
    """Whatever an open port receives is refused and breaks nothing."""
    with pytest.raises(PushError):
        read_push(body, token=TOKEN, uid=UID)


@pytest.mark.parametrize(
    "message", [{"dids": "1"}, {"dids": [None, 1.5, {}]}, {"type": "1", "version": 2}, {}]
)
def test_nonsense_in_a_signed_push_is_left_out(message: dict[str, Any]) -> None:
    """What is no device id, kind or version is not there."""
    body = json.dumps({"signature": CONSTANT, "msg": message})

    assert read_push(body.encode(), token=TOKEN, uid=UID) == Push(dev_ids=())


@pytest.mark.parametrize(
    ("signature", "answer"), [(CONSTANT, "PASSED"), ("0" * 32, "FAILED"), ("é", "FAILED")]
)
def test_address_is_verified_by_who_knows_the_token(signature: str, answer: str) -> None:
    """The console asks with the constant signature and wants one of two words."""
    assert answer_to_verification(signature, token=TOKEN, uid=UID) == answer


@pytest.mark.parametrize("case", PUSHES, ids=named)
def test_push_names_the_devices_to_ask_about(case: dict[str, Any]) -> None:
    """The sender reads 200 and nothing else."""
    request = PushRequest(method="POST", body=case["body"].encode())

    heard = answer(request, token=case["token"], uid=case["uid"])

    assert heard == PushAnswer(names=frozenset(case["push"]["dev_ids"]))


@pytest.mark.parametrize(
    ("kind", "is_news"), [(None, True), (1, True), (2, False), (3, False), (4, False), (9, True)]
)
def test_push_of_our_own_reports_is_no_news(kind: int | None, is_news: bool) -> None:  # noqa: FBT001
    """What the gateway told the cloud need not be asked for."""
    message: dict[str, Any] = {"dids": [7]} | ({} if kind is None else {"type": kind})
    body = json.dumps({"signature": CONSTANT, "msg": message}).encode()

    heard = answer(PushRequest(method="POST", body=body), token=TOKEN, uid=UID)

    assert heard == PushAnswer(names=frozenset({"7"} if is_news else ()))


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [
        ("POST", b"", 400),
        ("POST", b'{"signature": "x", "msg": {"dids": [7]}}', 403),
        ("POST", b'{"signature": "x", "nonce": "n", "msg": {"dids": [7]}}', 403),
        ("PUT", b"", 405),
        ("HEAD", b"", 405),
    ],
)
def test_what_is_no_push_concerns_nobody(method: str, body: bytes, status: int) -> None:
    """The status says why, and no device is named."""
    assert answer(PushRequest(method=method, body=body), token=TOKEN, uid=UID) == PushAnswer(status=status)


@pytest.mark.parametrize(
    ("query", "word"), [({"signature": CONSTANT}, "PASSED"), ({"signature": "0"}, "FAILED"), ({}, "FAILED")]
)
def test_console_reads_its_word(query: dict[str, str], word: str) -> None:
    """Before the console takes an address, it asks who is there."""
    request = PushRequest(method="GET", query=query)

    assert answer(request, token=TOKEN, uid=UID) == PushAnswer(body=word)


@pytest.mark.parametrize("depth", range(100, 3000, 97))
def test_deep_nonsense_is_refused(depth: int) -> None:
    """A stranger breaks nothing, however deep the body goes."""
    inner = "[" + ",".join(["1"] * 20_000) + "]"
    text = '{"msg":' * depth + inner + "}" * depth
    body = f'{{"signature":"x","nonce":"n","msg":{text}}}'.encode()

    assert answer(PushRequest(method="POST", body=body), token=TOKEN, uid=UID).status in (400, 403)
