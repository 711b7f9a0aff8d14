"""Tokens of a Tencent account: read, earned by a login, and renewed in time by one login at a time."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from adapters.tencent.credentials import GivenToken, Login, Token, read_login, read_token
from adapters.tencent.replies import MisshapenError
from adapters.tencent.settings import LoginSettings
from adapters.tencent.signing import signature
from gateway.errors import Denied, Scope, Unavailable
from gateway.ports.cloud import Reply, Secret, Site
from tests.vectors import load

VECTORS = load("tencent")
DAY = 86400.0


def named(case: dict[str, Any]) -> str:
    """Show a vector by its name."""
    return str(case["name"])


@pytest.mark.parametrize("case", VECTORS["signatures"], ids=named)
def test_signature_is_the_vendors(case: dict[str, Any]) -> None:
    """Parameters are sorted and taken raw."""
    assert signature(case["parameters"], secret=case["secret"]) == case["signature"]


@pytest.mark.parametrize("case", VECTORS["logins"], ids=named)
def test_login_is_read_in_either_depth(case: dict[str, Any]) -> None:
    """Token and ExpireAt may stand in Data or beside it."""
    assert read_login(case["fields"]) == Token(case["token"], float(case["expires"]))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Data": None},
        {"Data": {"Token": "x"}},
        {"Token": "", "ExpireAt": 1},
        {"Token": "x", "ExpireAt": "1"},
        {"Token": "x", "ExpireAt": 10**400},
    ],
)
def test_login_without_a_token_is_no_answer(fields: dict[str, Any]) -> None:
    """A login brings a token and its end, or nothing."""
    with pytest.raises(MisshapenError):
        read_login(fields)


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("871d2d42", Token("871d2d42")),
        (" 871d2d42\n", Token("871d2d42")),
        ("12345678", Token("12345678")),
        ('{"Token": "871d2d42", "ExpireAt": 1893456000}', Token("871d2d42", 1893456000.0)),
        ('{"Token": "871d2d42"}', Token("871d2d42")),
    ],
)
def test_token_is_read_bare_or_as_the_login_returned_it(text: str, token: Token) -> None:
    """A token source holds the token itself, or AppGetToken's Data."""
    assert read_token(text) == token


class Desk:
    """The app API: hands out numbered tokens that live for a day, at a time of the test's choice."""

    def __init__(self) -> None:
        self.now = 1_893_456_000.0
        self.lifetime = DAY
        self.asked: list[dict[str, Any]] = []
        self.trouble: Exception | None = None
        self.refusal: dict[str, str] | None = None
        self.expiries: list[float] = []

    async def request(self, action: str, method: str, url: str, **parts: Any) -> Reply:
        """Take the login, after a moment."""
        self.asked.append(parts["json"])
        number = len(self.asked)
        await asyncio.sleep(0)
        if self.trouble is not None:
            raise self.trouble
        answer: dict[str, Any] = {"Data": {"Token": f"t{number}", "ExpireAt": int(self.now + self.lifetime)}}
        if self.refusal is not None:
            answer = {"Error": self.refusal}
        body = {"Response": {**answer, "RequestId": parts["json"]["RequestId"]}}
        return Reply(200, json.dumps(body).encode(), {})

    def site(self) -> Site:
        """Return a site whose session this is."""
        session: Any = self
        return Site(
            session=session,
            now=lambda: self.now,
            credential_expires=lambda _name, at: self.expiries.append(at),
            data_dir=Path(),
        )


def login(desk: Desk, user: Mapping[str, str] | None = None, new_id: Callable[[], UUID] = uuid4) -> Login:
    """Return someone who logs in there."""
    application = {"app_key": "key", "app_secret": "hidden", "password": "hushed"}
    settings = LoginSettings.model_validate({**application, **(user or {"email": "a@b.example"})})
    return Login(settings, desk.site(), new_id)


@pytest.fixture
def desk() -> Desk:
    """A desk."""
    return Desk()


@pytest.mark.parametrize(
    ("user", "named_as"),
    [
        ({"email": "a@b.example"}, {"Type": "email", "Email": "a@b.example"}),
        ({"phone": "1380"}, {"Type": "phone", "CountryCode": "86", "PhoneNumber": "1380"}),
        (
            {"phone": "170", "country_code": "49"},
            {"Type": "phone", "CountryCode": "49", "PhoneNumber": "170"},
        ),
    ],
)
async def test_login_is_signed(desk: Desk, user: dict[str, str], named_as: dict[str, str]) -> None:
    """A login names application, user and time, and is signed with a secret that does not travel."""
    await login(desk, user).token()

    (request,) = desk.asked
    signed = request.pop("Signature")
    assert signed == signature(request, secret="hidden")
    assert (
        request.items()
        >= {"Action": "AppGetToken", "AppKey": "key", "Timestamp": 1_893_456_000, **named_as}.items()
    )
    assert "hidden" not in str(request)


async def test_nonce_is_a_positive_number(desk: Desk) -> None:
    """A Nonce of 0 is none."""
    await login(desk, new_id=lambda: UUID(int=2**31)).token()

    assert desk.asked[0]["Nonce"] > 0


async def test_many_who_need_a_token_log_in_once(desk: Desk) -> None:
    """However many requests begin at the same time, there is one login, and its end is known."""
    user = login(desk)
    tokens = await asyncio.gather(*(user.token() for _ in range(20)))

    assert {token.value for token in tokens} == {"t1"}
    assert desk.expiries == [desk.now + DAY]


async def test_token_is_renewed_before_it_ends(desk: Desk) -> None:
    """An hour before its end, a token is exchanged."""
    user = login(desk)
    await user.token()
    desk.now += DAY - 3700
    assert (await user.token()).value == "t1"
    desk.now += 200
    assert (await user.token()).value == "t2"


async def test_short_life_is_used_for_nine_tenths(desk: Desk) -> None:
    """A token that lives for ten minutes is not renewed for each request."""
    desk.lifetime = 600
    user = login(desk)
    await user.token()
    desk.now += 530
    assert (await user.token()).value == "t1"
    desk.now += 20
    assert (await user.token()).value == "t2"


async def test_outage_of_the_login_is_survived_while_the_token_lives(desk: Desk) -> None:
    """A renewal that fails in time harms nobody; after the end it is the cloud's trouble."""
    user = login(desk)
    await user.token()
    desk.trouble = Unavailable("down", code="http_5xx")
    desk.now += DAY - 1800
    assert [(await user.token()).value for _ in range(5)] == ["t1"] * 5
    assert len(desk.asked) == 2
    desk.now += 61
    await user.token()
    assert len(desk.asked) == 3
    desk.now += 1740
    with pytest.raises(Unavailable):
        await user.token()


async def test_nobody_waits_for_a_renewal(desk: Desk) -> None:
    """While one request exchanges a token that is still good, the others use it."""
    user = login(desk)
    await user.token()
    desk.now += DAY - 1800
    tokens = await asyncio.gather(*(user.token() for _ in range(5)))

    assert [token.value for token in tokens] == ["t2", "t1", "t1", "t1", "t1"]


async def test_refused_token_is_exchanged_once_for_all(desk: Desk) -> None:
    """Everyone whose token was refused gets the same new one."""
    user = login(desk)
    old = await user.token()
    renewed = await asyncio.gather(*(user.renewed(old) for _ in range(20)))

    assert renewed == [Token("t2", desk.now + DAY)] * 20
    assert len(desk.asked) == 2


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [
        ("InternalError", "InvalidParameterValue.UserLoginFailed|wrong hushed of a@b.example", Denied),
        ("InvalidParameterValue", "no such key", Denied),
        ("InternalError", "busy", Unavailable),
        ("RequestLimitExceeded", "slow down", Unavailable),
    ],
)
async def test_refused_login_parks_the_lane_or_passes(
    desk: Desk, code: str, text: str, error: type[Exception]
) -> None:
    """No message is at fault when a login fails: it waits for a person, or for the cloud."""
    desk.refusal = {"Code": code, "Message": text}

    with pytest.raises(error) as caught:
        await login(desk).token()

    assert getattr(caught.value, "scope", None) is Scope.LANE
    assert not [secret for secret in ("hushed", "a@b.example", "hidden") if secret in str(caught.value)]


async def test_call_that_is_given_up_lets_the_next_one_log_in(desk: Desk) -> None:
    """A shutdown or a time-out in the middle of a login leaves no lock behind."""
    user = login(desk)
    first = asyncio.create_task(user.token())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert (await user.token()).value == "t2"


async def test_given_token_is_read_again(desk: Desk, tmp_path: Path) -> None:
    """A token of the configuration is exchanged by whoever writes its file."""
    (tmp_path / "token").write_text("one")
    given = GivenToken(Secret(str(tmp_path / "token"), "file"), desk.site())
    first = await given.token()
    assert await given.renewed(first) is None
    (tmp_path / "token").write_text("another")

    assert await given.renewed(first) == Token("another")


async def test_given_token_s_expiry_is_said_when_it_changes(desk: Desk, tmp_path: Path) -> None:
    """Not with each of a thousand requests that use the same token."""
    given = GivenToken(Secret(str(tmp_path / "token"), "file"), desk.site())
    for expires in (1, 1, 22):
        (tmp_path / "token").write_text(json.dumps({"Token": "a", "ExpireAt": expires}))
        await given.token()

    assert desk.expiries == [1.0, 22.0]


@pytest.mark.parametrize("text", ["bare", "[" * 5000, "9" * 5000, '{"ExpireAt": 1}'])
async def test_given_token_may_be_any_text(desk: Desk, text: str) -> None:
    """What is not the vendor's JSON is the token itself, however odd it looks."""
    assert await GivenToken(Secret(text), desk.site()).token() == Token(text)
