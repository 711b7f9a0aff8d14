"""Logs: one line an event, JSON when nobody watches, and no secret in any of them.

What libraries say through `logging` takes the same way out, from WARNING up.
"""

import io
import logging
import re
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TextIO, cast

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.hidden import HIDDEN, Hidden, known

LEVELS = ("debug", "info", "warning", "error", "critical")

# snake_case and header names in any case; camelCase only with its hump, or `design` would hide. The repetitions are
# bounded, because devices write into the texts that are searched.
_WORD = (
    r"(?:(?i:(?:[\w-]{0,24}[_-])?(?:authorization|cookie|passw(?:or)?d|psk|secret|sign|signature|token"
    r"|(?:access|api)[_-]?key))|\w{0,24}[a-z](?:AccessKey|Password|Secret|Sign|Signature|Token))"
)
_SECRET_KEY = re.compile(_WORD)
#: Of every word above and below, in lower case.
_HINTS = ("authorization", "cookie", "passw", "psk", "secret", "sign", "token", "key", "bearer", "basic")
#: What must be in a text for the pattern to be worth its time, the pattern, and what replaces it.
_INSIDE = (
    ("=", re.compile(rf"""(\b{_WORD}=)[^&\s"']+"""), rf"\1{HIDDEN}"),
    (":", re.compile(rf"""(["']{_WORD}["']\s*:\s*["'])[^"']+"""), rf"\1{HIDDEN}"),
    (" ", re.compile(r"((?:Bearer|Basic)\s+)[^\s\"',]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    ("@", re.compile(r"(://[^/@:\s]*):[^/@\s]+@"), rf"\1:{HIDDEN}@"),
)
_LONGEST = 16_384


class Redactor:
    """A processor that hides what is secret by its key, by its form, or because it was registered."""

    def __init__(self, values: Hidden | None = None) -> None:
        self._values = values or Hidden()

    def register(self, value: str) -> None:
        """Hide this exact value from now on, also as it looks elsewhere."""
        self._values.add(value)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Clean one event."""
        return {key: self.clean(value, key) for key, value in event.items()}

    def clean(self, value: Any, key: str = "") -> Any:
        """Return the value without secrets, of types that every renderer knows."""
        if value is None or isinstance(value, bool):
            return value
        if _is_secret(key):
            return HIDDEN
        if isinstance(value, int | float):
            return value
        if isinstance(value, dict):
            return {str(name): self.clean(inner, str(name)) for name, inner in value.items()}
        if _is_plain_collection(value):
            return [self.clean(inner) for inner in value]
        return self.text(repr(value) if isinstance(value, bytes | BaseException) else str(value))

    def text(self, text: str) -> str:
        """Return the text without secrets. The cost does not grow with the number of registered values."""
        text = self._values.out_of(text)
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}… {len(text) - _LONGEST} more characters"
        hints = any(map(text.lower().__contains__, _HINTS))
        for sign, pattern, replacement in _INSIDE:
            if sign in text and (hints or sign == "@"):
                text = pattern.sub(replacement, text)
        return text


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    """Whether what has this name is a secret; most names come with every line."""
    return _SECRET_KEY.fullmatch(key) is not None


def _is_plain_collection(value: Any) -> bool:
    """Whether it is shown item by item; a named tuple such as a DeviceId says itself how it reads."""
    return isinstance(value, list | tuple | set | frozenset) and not hasattr(value, "_fields")


class Outlet:
    """Where lines go: one that cannot be written, to a full disk or a broken pipe, costs nobody more than the line.

    Whoever logs is about to settle a report, or to close a connection: he must not fail with it. What the stream could
    not write at once it keeps, a few kilobytes of it, and the rest is gone; the next line says how many it were.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_failing = False
        self._held_up = 0

    def write(self, text: str) -> None:
        """Take a line."""
        try:
            self._stream.write(text)
        except OSError:
            self._is_failing = True

    def flush(self) -> None:
        """Have it out."""
        try:
            self._stream.flush()
        except OSError:
            self._is_failing = True
        self._held_up = self._held_up + 1 if self._is_failing else 0
        self._is_failing = False

    def confess(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Say on a line how many before it were held up; a processor."""
        return {**event, "lines_held_up": self._held_up} if self._held_up else event


# Logging is one per process by nature, and so is what it must not say.
_redactor = Redactor(known)


def redact(value: str) -> None:
    """Keep this exact value out of every log line and every error of a cloud from now on."""
    _redactor.register(value)


def be_silent() -> None:
    """Say nothing: what a command prints is its own."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)


def without_secrets(text: str) -> str:
    """Return the text as a log line would show it: without what is secret by its form, or because it is registered."""
    return _redactor.text(text)


def set_level(level: str) -> None:
    """Say as much as this from now on, in the form that was chosen."""
    threshold = getattr(logging, level.upper())
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(threshold))
    logging.getLogger().setLevel(max(threshold, logging.WARNING))


def configure(level: str = "info", *, json: bool | None = None) -> None:
    """Send all logs to standard output; `json` None decides by whether that is a terminal."""
    if level not in LEVELS:
        raise ValueError(f'the log level is "{level}"; it must be one of {", ".join(LEVELS)}')
    as_json = not sys.stdout.isatty() if json is None else json
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A word that cannot be encoded must not end whoever said it.
        sys.stdout.reconfigure(errors="backslashreplace")
    threshold = getattr(logging, level.upper())
    outlet = Outlet(sys.stdout)
    outgoing: list[Processor] = [
        structlog.processors.format_exc_info,
        outlet.confess,
        _redactor,
        _when_and_what_first,
        _renderer(as_json),
    ]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_facts(), *outgoing],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", outlet)),
        cache_logger_on_first_use=False,
    )
    _route_logging(outlet, max(threshold, logging.WARNING), outgoing)


def _facts() -> list[Processor]:
    return [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]


def _when_and_what_first(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    head = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return {**head, **event}


def _renderer(as_json: bool) -> Processor:  # noqa: FBT001 - private, one caller
    if as_json:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)


def _route_logging(outlet: Outlet, threshold: int, outgoing: Sequence[Processor]) -> None:
    handler = logging.StreamHandler(outlet)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_facts()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *outgoing],
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("aiohttp.server").addFilter(_is_ours)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether it is more than a stranger who does not speak HTTP: he could fill the log with traces as he likes."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | RequestPayloadError)
