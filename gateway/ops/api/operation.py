"""One thing that can be asked of the API, declared once: what parses it, what carries it out and what describes it.

The signature of its function is the declaration: the parameters are the fields of its second argument, the answer's
schema is what it returns, and its docstring is what people read.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, get_type_hints

from aiohttp import web

from gateway.ops.api import answering, parameters
from gateway.ops.api.parameters import Asked
from gateway.ops.problems import NO_BODY_TAKEN, NOT_FOUND, NOT_POSSIBLE, PRECONDITION_FAILED, Refusal, problem

JSON, EVENTS = "application/json", "text/event-stream"

C = TypeVar("C")
Method = Literal["GET", "POST"]
Function = Callable[[C, Any], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Operation(Generic[C]):
    """A method at an address; `C` is what it looks at or acts upon."""

    method: Method
    path: str
    function: Function[C]
    #: Beside those that any request may meet.
    refusals: tuple[Refusal, ...]
    #: The kind of its answer; JSON of a GET has a tag.
    media: str = JSON

    @property
    def name(self) -> str:
        """What programs call it."""
        return self.function.__name__

    @property
    def has_tag(self) -> bool:
        """Whether who has its answer may ask if it still holds."""
        return self.method == "GET" and self.media == JSON

    @property
    def asked(self) -> type[Asked]:
        """Its parameters."""
        _, asked = [kind for name, kind in get_type_hints(self.function).items() if name != "return"]
        return asked  # type: ignore[no-any-return]

    @property
    def answer(self) -> Any:
        """The type of its answer."""
        return get_type_hints(self.function, include_extras=True)["return"]

    @property
    def words(self) -> str:
        """What people read: a sentence, and perhaps more below it."""
        return inspect.getdoc(self.function) or ""

    def route(self, context: C) -> web.RouteDef:
        """Return the route that carries it out."""
        asked = self.asked

        async def handle(request: web.Request) -> web.StreamResponse:
            if request.method == "POST":
                if "If-Match" in request.headers:
                    return problem(PRECONDITION_FAILED, _NO_PRECONDITION)
                if request.content_length or "Transfer-Encoding" in request.headers:
                    return problem(NO_BODY_TAKEN, "an act is all in its address; send no body")
            read = parameters.read(asked, request.match_info, request.query)
            return answering.answer(request, await self.function(context, read))

        return web.get(self.path, handle) if self.method == "GET" else web.post(self.path, handle)


#: RFC 9110 §13.1.1: the condition is false where the address acted upon has no representation, and an act has none.
_NO_PRECONDITION = (
    "an act takes no If-Match: it names one attempt at one version, may be said again, "
    "and is refused with 409 where the state does not allow it"
)


def looks_up(path: str, *refusals: Refusal) -> Callable[[Function[C]], Operation[C]]:
    """Declare what is looked up at an address; one that names something may name what is not there."""
    found = (NOT_FOUND,) if "{" in path else ()
    return lambda function: Operation("GET", path, function, (*refusals, *found))


def acts(path: str, *refusals: Refusal) -> Callable[[Function[C]], Operation[C]]:
    """Declare what is done at an address."""
    return lambda function: Operation(
        "POST", path, function, (*refusals, NOT_FOUND, NOT_POSSIBLE, PRECONDITION_FAILED, NO_BODY_TAKEN)
    )
