"""What a simulated cloud heard, in order, and whether it was right to say it.

Law: an illegal call is excused only when it repeats one whose reply an injected fault has lost.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple

Mode = Literal["full", "summary"]
LIMIT = 200_000  # calls kept in full mode; the oldest go first


class Verdict(StrEnum):
    """What to think of a call."""

    LEGAL = "legal"
    REFUSED = "refused"  # the cloud said no, though no order of states was broken
    RESEND = "resend"  # would be illegal, but the first reply was lost
    ILLEGAL = "illegal"
    UNHEARD = "unheard"  # a fault answered before the cloud could listen


class Key(NamedTuple):
    """What makes two calls the same; an empty ``said`` matches anything about the subject."""

    subject: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, as the cloud took it."""

    order: int
    at: float
    action: str
    device: str = ""
    version: str = ""
    said: str = ""
    reply: str = "ok"
    verdict: Verdict = Verdict.LEGAL
    why: str = ""
    key: Key | None = None
    body: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return what ``GET /_sim/record`` shows."""
        return {
            "order": self.order,
            "at": self.at,
            "action": self.action,
            "device": self.device,
            "version": self.version,
            "said": self.said,
            "reply": self.reply,
            "verdict": self.verdict,
            "why": self.why,
            "body": self.body,
        }


@dataclass(slots=True)
class Download:
    """What was taken of one image; fetched once means: begun once, and as many bytes sent as it has."""

    requests: int = 0  # answered with bytes
    begun: int = 0  # of these, from the first byte on
    ended: int = 0  # of these, written to their last byte
    sent: int = 0  # bytes
    refused: int = 0


class Record:
    """Hears every call; keeps all of them (``full``) or counters only (``summary``)."""

    def __init__(self, clock: Callable[[], float], *, mode: Mode = "full", limit: int = LIMIT) -> None:
        self.mode = mode
        self.calls: deque[Call] = deque(maxlen=limit)
        self._clock = clock
        self._lost: set[Key] = set()
        self.clear()

    def clear(self) -> None:
        """Forget everything heard; orders go on from one."""
        self.calls.clear()
        self.order = 0
        self.heard = 0
        self.lost = 0
        self.peak = 0
        self._in_second = (0, 0)
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.verdicts: Counter[Verdict] = Counter()
        self.reasons: Counter[str] = Counter()
        self.replies: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.by_device: defaultdict[str, Counter[str]] = defaultdict(Counter)  # device → action → calls
        self.downloads: defaultdict[str, Download] = defaultdict(Download)  # by image
        self._lost.clear()
        self._latest: dict[str, tuple[Key, ...]] = {}

    @property
    def illegal(self) -> int:
        """How many calls no fault excuses."""
        return self.verdicts[Verdict.ILLEGAL]

    def hear(
        self,
        action: str,
        *,
        device: str = "",
        version: str = "",
        said: str = "",
        reply: str = "ok",
        why: str = "",
        key: Key | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Call:
        """Take one call down and judge it; ``why`` names the rule that it breaks, ``said`` marks a report."""
        self.order += 1
        call = Call(
            order=self.order,
            at=self._clock(),
            action=action,
            device=device,
            version=version,
            said=said,
            reply=reply,
            verdict=self._judge(reply, why, key),
            why=why,
            key=key,
            body=body or {},
        )
        self._count(call)
        return call

    def hear_nothing(self, action: str, *, fault: str) -> None:
        """Take down that a fault kept a request from the cloud."""
        self.order += 1
        verdict = Verdict.UNHEARD
        self._count(Call(order=self.order, at=self._clock(), action=action, reply=fault, verdict=verdict))

    def lose_reply(self, call: Call) -> None:
        """Remember that the caller cannot know the reply, and may ask again."""
        self.lost += 1
        if call.key is not None:
            self._lost.add(call.key)

    def deliver_reply(self, call: Call) -> None:
        """Remember that the caller knows the reply; asking again is a fault of its own."""
        if call.key is not None:
            self._lost.discard(call.key)

    def excuse_resends(self) -> None:
        """Allow every device to repeat its last two reports once: the caller was killed and may not know."""
        for keys in self._latest.values():
            self._lost.update(keys)

    def forget(self, order: int) -> None:
        """Let go of the calls up to this one, which somebody has fetched; every counter stays."""
        while self.calls and self.calls[0].order <= order:
            self.calls.popleft()

    def counters(self, *, devices: bool = True) -> dict[str, Any]:
        """Return the counters of ``GET /_sim/summary``, unless told not to those by device as well."""
        by_device = {device: dict(calls) for device, calls in self.by_device.items()} if devices else {}
        return {
            "calls": self.order,
            "heard": self.heard,
            "illegal": self.illegal,
            "illegal_by_reason": dict(self.reasons),
            "verdicts": dict(self.verdicts),
            "replies": {action: dict(replies) for action, replies in self.replies.items()},
            "replies_lost": self.lost,
            "peak_per_second": self.peak,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "downloads": {image: asdict(download) for image, download in self.downloads.items()},
            **({"calls_by_device": by_device} if devices else {}),
        }

    def _judge(self, reply: str, why: str, key: Key | None) -> Verdict:
        if why:
            return Verdict.RESEND if self._is_resend(key) else Verdict.ILLEGAL
        return Verdict.LEGAL if reply == "ok" else Verdict.REFUSED

    def _is_resend(self, key: Key | None) -> bool:
        if key is None or not self._lost:
            return False
        return key in self._lost or (not key.said and any(lost.subject == key.subject for lost in self._lost))

    def _count(self, call: Call) -> None:
        self.verdicts[call.verdict] += 1
        self.replies[call.action][call.reply] += 1
        if call.device:
            self.by_device[call.device][call.action] += 1
        self.heard += bool(call.said) and call.reply == "ok"
        self.first_at = self.first_at or call.at
        self.last_at = call.at
        second, calls = self._in_second
        self._in_second = (int(call.at), calls + 1 if int(call.at) == second else 1)
        self.peak = max(self.peak, self._in_second[1])
        if call.verdict is Verdict.ILLEGAL:
            self.reasons[call.why] += 1
        if call.key is not None and call.key.said:
            self._latest[call.device] = (*self._latest.get(call.device, ())[-1:], call.key)
        if self.mode == "full":
            self.calls.append(call)
