"""The API's description: complete, made of what is served, and kept to by what is answered."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jsonschema_rs  # of Schemathesis
import pytest
from typer.testing import CliRunner

from gateway import cli
from gateway.model.states import State
from gateway.ops import api
from gateway.ops.http import UNGUARDED
from tests.integration.ops.office import D1, V1, Office, runs, told

PATHS = api.description()["paths"]
OPERATIONS = [
    pytest.param(operation, id=operation["operationId"])
    for path in PATHS.values()
    for operation in path.values()
]


def served(office: Office) -> set[tuple[str, str]]:
    """Return method and address of all that the server has below /api/v1, and that needs the token."""
    found = set()
    for route in office.server.application().router.routes():
        assert route.resource is not None
        is_open = (route.name or "").startswith(UNGUARDED)
        if route.resource.canonical.startswith("/api/v1") and route.method != "HEAD" and not is_open:
            found.add((route.method.lower(), route.resource.canonical))
    return found


async def test_all_that_is_served_is_described(office: Office) -> None:
    """No address is left out, and none is made up."""
    assert served(office) == {(method, path) for path, methods in PATHS.items() for method in methods}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_described_whole(operation: dict[str, Any]) -> None:
    """A sentence for it and for each parameter, what it answers, and what it refuses."""
    assert operation["description"].endswith(".")
    assert operation["summary"]
    named = [each for each in operation["parameters"] if "$ref" not in each]
    assert [each["name"] for each in named if not each["description"]] == []
    assert all(each["schema"] for each in operation["responses"]["200"]["content"].values())
    assert {"400", "401", "403", "503"} <= operation["responses"].keys()


def closed(schema: Any) -> Any:
    """Return the schema without room for what it does not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **inner} if isinstance(inner.get("properties"), dict) else inner


@pytest.mark.parametrize(
    "path",
    [
        *("status", "updates", "updates/P/d1/default/1", "devices", "devices/P/d1", "orders", "drift"),
        *("firmware", "minutes", "campaigns/P/default/2.0"),
    ],
)
async def test_an_answer_has_nothing_that_is_not_described(office: Office, path: str) -> None:
    """What Schemathesis lets pass: members of which no schema tells."""
    await office.say(runs(V1))
    await office.order()
    await office.say(told(State.DOWNLOADING, percent=5))
    templates = {
        "updates/P/d1/default/1": "updates/{product}/{device}/{module}/{number}",
        "campaigns/P/default/2.0": "campaigns/{product}/{module}/{target}",
    }
    template = templates.get(path, path.replace("P/d1", "{product}/{device}"))
    document = api.description()
    schema = document["paths"][f"/api/v1/{template}"]["get"]["responses"]["200"]["content"][
        "application/json"
    ]
    whole = closed({**schema["schema"], "components": document["components"]})
    jsonschema_rs.Draft202012Validator(whole).validate(await office.get(*path.split("/")))


def test_the_command_line_describes_without_a_gateway() -> None:
    """The same document as over HTTP."""
    result = CliRunner().invoke(cli.app, ["openapi"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads(json.dumps(api.description()))


async def ask(office: Office, method: str, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, bytes]:
    """Ask with these headers; an underscore is a hyphen."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://{office.server.address}/api/v1/{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=given) as reply:
        return reply, await reply.read()


@pytest.mark.parametrize("path", ["updates", "updates/P/d1/default/1", "devices", "orders", "openapi.json"])
async def test_what_has_not_changed_is_not_sent_again(office: Office, path: str) -> None:
    """The tag stays until something changes, in a weak form, in a list and for HEAD as well."""
    await office.order()
    first, body = await ask(office, "GET", path)
    tag = first.headers["ETag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again, nothing = await ask(office, "GET", path, If_None_Match=given)
        assert (again.status, nothing, again.headers["ETag"]) == (304, b"", tag)
    head, _ = await ask(office, "HEAD", path)
    assert (head.status, head.headers["ETag"], head.headers["Content-Length"]) == (200, tag, str(len(body)))
    other, again_body = await ask(office, "GET", path, If_None_Match='"other"')
    assert (other.status, again_body) == (200, body)


async def test_what_has_changed_has_another_tag(office: Office) -> None:
    """Nobody is told that what was is still so."""
    await office.order()
    first, _ = await ask(office, "GET", "updates")
    await office.say(told(State.DOWNLOADING, percent=5))
    again, _ = await ask(office, "GET", "updates", If_None_Match=first.headers["ETag"])
    assert again.status == 200
    assert again.headers["ETag"] != first.headers["ETag"]
    stale, refused = await ask(office, "GET", "updates", If_Match=first.headers["ETag"])
    assert (stale.status, json.loads(refused)["code"]) == (412, "precondition_failed")
    fresh, _ = await ask(office, "GET", "updates", If_Match=again.headers["ETag"])
    assert fresh.status == 200


REFUSALS = [
    ("bad_parameter", 400, "GET", "updates?stat=failed", {}),
    ("foreign_name", 403, "GET", "updates", {"Origin": "http://evil.example", "Host": "evil.example"}),
    ("foreign_page", 403, "POST", "devices/P/d1/ask", {"Origin": "http://evil.example"}),
    ("not_found", 404, "GET", "updates/P/d1/default/9", {}),
    ("no_such_address", 404, "GET", "nothing", {}),
    ("method_not_allowed", 405, "DELETE", "updates", {}),
    ("not_possible", 409, "POST", "devices/P/d2/ask", {}),
    ("precondition_failed", 412, "POST", "devices/P/d1/ask", {"If-Match": "*"}),
]


@pytest.mark.parametrize(
    ("code", "status", "method", "path", "headers"), REFUSALS, ids=[each[0] for each in REFUSALS]
)
async def test_each_refusal_has_its_code(
    office: Office, *, code: str, status: int, method: str, path: str, headers: dict[str, str]
) -> None:
    """Programs rely on the word, people read the sentence."""
    reply, body = await ask(office, method, path, **headers)
    problem = json.loads(body)
    assert reply.content_type == "application/problem+json"
    assert (reply.status, problem["status"], problem["code"]) == (status, status, code)
    assert problem["detail"]
    assert reply.headers.get("Allow") == ("GET,HEAD" if status == 405 else None)
    assert office.asked == []


async def one_by_one(*pieces: bytes) -> AsyncIterator[bytes]:
    """Send a body of which nobody knows how long it will be."""
    for piece in pieces:
        yield piece


async def test_an_act_takes_no_body(office: Office) -> None:
    """Who sends one, or says that one will come, means something that would not be done."""
    url = f"http://{office.server.address}/api/v1/devices/P/d1/ask"
    async with aiohttp.ClientSession() as session:
        for body in (b'{"when": "later"}', one_by_one(b"{", b"}"), one_by_one()):
            async with session.post(url, data=body) as reply:
                assert (reply.status, (await reply.json(content_type=None))["code"]) == (415, "no_body_taken")
        assert office.asked == []
        async with session.post(url, data=b"", headers={"Content-Type": "application/json"}) as reply:
            assert reply.status == 200
    assert office.asked == [D1]


@pytest.mark.parametrize(
    ("path", "allowed"), [("updates", "GET,HEAD,OPTIONS"), ("devices/P/d1/ask", "POST,OPTIONS")]
)
async def test_options_names_the_methods(office: Office, path: str, allowed: str) -> None:
    """Without doing anything."""
    reply, body = await ask(office, "OPTIONS", path)
    assert (reply.status, reply.headers["Allow"], body) == (204, allowed, b"")


async def test_a_wrong_parameter_is_named_to_programs(office: Office) -> None:
    """Not only in the sentence."""
    _, body = await ask(office, "GET", "updates?limit=0")
    assert json.loads(body)["parameter"] == "limit"
