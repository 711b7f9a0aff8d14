"""The API's description in the form of OpenAPI 3.1, made of the operations themselves."""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

from pydantic import TypeAdapter

from gateway.ops.api import parameters
from gateway.ops.api.operation import EVENTS, Operation
from gateway.ops.problems import (
    BAD_PARAMETER,
    FOREIGN_NAME,
    FOREIGN_PAGE,
    PRECONDITION_FAILED,
    STORE_FAILED,
    TOKEN_LOST,
    TOKEN_NEEDED,
    Refusal,
)

_SCHEMAS = "#/components/schemas/"
#: What any request may meet.
_EVERYWHERE = (BAD_PARAMETER, TOKEN_NEEDED, FOREIGN_PAGE, FOREIGN_NAME, TOKEN_LOST, STORE_FAILED)
_ABOUT = """What the gateway knows, and what may be done, over HTTP.

All of it is JSON. A refusal is a problem document (RFC 9457): `code` is a stable word for programs, `detail` a
sentence for people. Programs must pass over members that they do not know; one that is here keeps its meaning.

A list comes a page at a time: `next` is the `cursor` of the next page, and null at the end. The answer to a GET has an
`ETag`; sent back as `If-None-Match`, it saves sending again what has not changed. An act may be said again: what is
so already is no error, and what its state does not allow is refused with 409. It takes no body and no `If-Match`.

What has no address is refused with 404 and `no_such_address`, a method that an address does not know with 405 and
`method_not_allowed`. `/healthz`, `/readyz` and `/metrics` are for monitoring and stand beside this API."""


@cache
def document(operations: tuple[Operation[Any], ...]) -> dict[str, Any]:
    """Return the document of these operations."""
    answers, schemas = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(each.path, {})[each.method.lower()] = _described(each, answers[each.name])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "OTA gateway",
            "version": version("ota-gateway"),
            "summary": "Look at a site's firmware updates, and act upon them.",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "security": [{"token": []}],
        "tags": [{"name": name} for name in dict.fromkeys(map(_tag, operations))],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": _refusals(operations),
            "headers": {"ETag": {"description": "Names this very answer.", "schema": {"type": "string"}}},
            "parameters": {"IfNoneMatch": _IF_NONE_MATCH},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of the configuration's `http.token`; none where it has none.",
                }
            },
        },
    }


def _schemas(operations: Iterable[Operation[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    adapters: list[tuple[str, Literal["serialization"], TypeAdapter[Any]]] = [
        (each.name, "serialization", TypeAdapter(each.answer)) for each in operations
    ]
    found, whole = TypeAdapter.json_schemas(adapters, ref_template=_SCHEMAS + "{model}")
    return {name: schema for (name, _), schema in found.items()}, {**whole["$defs"], "Problem": _PROBLEM}


def _described(operation: Operation[Any], answer: dict[str, Any]) -> dict[str, Any]:
    summary, _, more = operation.words.partition("\n")
    return {
        "operationId": operation.name,
        "tags": [_tag(operation)],
        "summary": summary.strip().rstrip("."),
        "description": " ".join([summary, *more.split()]).strip(),
        "parameters": list(_parameters(operation)),
        "responses": {**_answered(operation, answer), **_refused(_refusals_of(operation))},
    }


def _tag(operation: Operation[Any]) -> str:
    """What it is about: the first part of its address below the version."""
    return operation.path.split("/")[3].removesuffix(".json")


def _parameters(operation: Operation[Any]) -> Iterator[dict[str, Any]]:
    for name, rule in parameters.rules(operation.asked).items():
        is_path = f"{{{name}}}" in operation.path
        yield {
            "name": name,
            "in": "path" if is_path else "query",
            "required": is_path,
            "description": rule.get("description", ""),
            "schema": {key: value for key, value in rule.items() if key != "description"},
        }
    if operation.has_tag:
        yield {"$ref": "#/components/parameters/IfNoneMatch"}
    if operation.media == EVENTS:
        yield _LAST_EVENT_ID


def _answered(operation: Operation[Any], schema: dict[str, Any]) -> dict[str, Any]:
    done: dict[str, Any] = {
        "description": "What was found." if operation.method == "GET" else "It is done, and on disk.",
        "content": {"application/json": {"schema": schema}},
    }
    if operation.media == EVENTS:
        return {"200": {"description": "Events, one after the other.", "content": {EVENTS: _events(schema)}}}
    if operation.method == "POST":
        return {"200": done}
    tagged = {"ETag": {"$ref": "#/components/headers/ETag"}}
    return {
        "200": {**done, "headers": tagged},
        "304": {"description": "It is what `If-None-Match` names.", "headers": tagged},
    }


def _events(data: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.1 has no words for a stream: `x-data` is the schema of what stands in `data`."""
    return {"schema": {"type": "string"}, "x-data": data}


def _refused(refusals: Iterable[Refusal]) -> dict[str, Any]:
    return {
        str(status): {"$ref": f"#/components/responses/{_together(those)}"}
        for status, those in _by_status(refusals).items()
    }


def _refusals(operations: Iterable[Operation[Any]]) -> dict[str, Any]:
    """Describe once what several operations refuse."""
    every = [_by_status(_refusals_of(each)).values() for each in operations]
    return {
        _together(those): {
            "description": "; ".join(f"`{each.code}`: {each.meaning}" for each in those) + ".",
            "content": {"application/problem+json": {"schema": _problem_of(those)}},
        }
        for alternatives in every
        for those in alternatives
    }


def _refusals_of(operation: Operation[Any]) -> list[Refusal]:
    looked_up = [PRECONDITION_FAILED] if operation.has_tag else []
    return [*operation.refusals, *_EVERYWHERE, *looked_up]


def _by_status(refusals: Iterable[Refusal]) -> dict[int, list[Refusal]]:
    by_status: dict[int, list[Refusal]] = {}
    for refusal in sorted(refusals, key=lambda each: (each.status, each.code)):
        by_status.setdefault(refusal.status, []).append(refusal)
    return by_status


def _together(refusals: Iterable[Refusal]) -> str:
    return "_or_".join(each.code for each in refusals)


def _problem_of(refusals: Iterable[Refusal]) -> dict[str, Any]:
    codes = [each.code for each in refusals]
    return {
        "allOf": [{"$ref": f"{_SCHEMAS}Problem"}, {"properties": {"code": {"enum": codes}}}],
    }


_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an earlier answer: if it still holds, the answer is 304 and empty.",
    "schema": {"type": "string"},
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The `id` of the last event that came, to go on after it.",
    "schema": {"type": "string"},
}
_PROBLEM = {
    "type": "object",
    "description": "A refusal (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "A stable word for programs."},
        "detail": {"type": "string", "description": "A sentence for people; it may change."},
        "problems": {
            "type": "array",
            "items": {"type": "string"},
            "description": "With `config_refused`: a sentence for each mistake.",
        },
        "parameter": {"type": "string", "description": "With `bad_parameter`: which one."},
    },
}
