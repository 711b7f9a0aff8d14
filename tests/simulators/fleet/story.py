"""The plots: what a device does and says on its way to a version, drawn with dice. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from tests.simulators.fleet.device import Device, Dialect
from tests.simulators.fleet.saying import Failure, Saying, Word


@dataclass(frozen=True, slots=True)
class Say:
    """Report something; with ``is_cut`` the connection breaks before the PUBACK can come."""

    saying: Saying
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Babble:
    """Publish what nobody can understand."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Be busy, connected; shares of all waits of a plot add up to about one."""

    share: float


@dataclass(frozen=True, slots=True)
class Sleep:
    """Disconnect politely and be away."""

    share: float


Act = Say | Babble | Wait | Sleep

_PLAIN_FAILURES = (
    Failure(phase="download", reason="DOWNLOAD_TIMEOUT", tencent=-1, onenet=104, text="no data for 30 s"),
    Failure(phase="download", reason="PACKAGE_NOT_FOUND", tencent=-2, onenet=107),
    Failure(phase="download", reason="LOW_BATTERY", tencent=-5, onenet=105, text="3.1 V"),
    Failure(phase="download", reason="INSUFFICIENT_STORAGE", tencent=-5, onenet=102, text="12 KB free"),
    Failure(phase="download", reason="WEAK_SIGNAL", tencent=-1, onenet=106, text="-112 dBm"),
    Failure(phase="verify", reason="INTEGRITY_CHECK_FAILED", tencent=-4, onenet=205),
    Failure(phase="verify", reason="SIGNATURE_INVALID", tencent=-4, onenet=205),
    Failure(phase="install", reason="LOW_BATTERY", tencent=-5, onenet=202, text="3.0 V"),
    Failure(phase="install", reason="RETRIES_EXHAUSTED", tencent=-5, onenet=207),
    Failure(phase="install", reason="INSTALL_FAILED", tencent=-5, onenet=206),
    Failure(phase="apply", reason="BOOT_FAILED", tencent=-5, onenet=206, text="watchdog"),
)
# Of a Tencent device only the code travels; result_msg is unreliable in all of the vendor's SDKs.
_TENCENT_FAILURES = (
    Failure(phase="download", reason="-1", tencent=-1, onenet=104, text="time_out"),
    Failure(phase="download", reason="-2", tencent=-2, onenet=107, text="file not exit"),
    Failure(phase="download", reason="-3", tencent=-3, onenet=107),
    Failure(phase="verify", reason="-4", tencent=-4, onenet=205, text="time_out"),
    Failure(phase="install", reason="-5", tencent=-5, onenet=206, text="burn"),
)
FAILURES: dict[Dialect, tuple[Failure, ...]] = {"plain": _PLAIN_FAILURES, "tencent": _TENCENT_FAILURES}
REFUSED = Failure(phase="precheck", reason="OUTSIDE_WINDOW", tencent=-5, onenet=206)
#: The words that a dialect has no form for.
UNSPOKEN: dict[Dialect, frozenset[Word]] = {
    "plain": frozenset(),
    "tencent": frozenset({Word.VERIFIED, Word.APPLYING, Word.REJECTED}),
}


def tell(device: Device, dice: Random) -> list[Act]:
    """Return all that the device will do, from update to update."""
    running, acts = device.version, list[Act]()
    for target in device.targets:
        plot = _Plot(device.dialect, running, target, dice)
        acts += _PLOTS[device.plot](plot)
        running = target if device.plot in ("smooth", "terse") else running
    return [act for act in acts if not _is_unspoken(device.dialect, act)]


class _Plot:
    """One update being told."""

    def __init__(self, dialect: Dialect, running: str, target: str, dice: Random) -> None:
        self.dialect = dialect
        self.running = running
        self.target = target
        self.dice = dice

    def version(self, version: str) -> Say:
        return Say(Saying(word=Word.VERSION, version=version, target=self.target))

    def say(self, word: Word, *, percent: int | None = None, failure: Failure | None = None) -> Say:
        return Say(
            Saying(word=word, version=self.target, target=self.target, percent=percent, failure=failure)
        )

    def smooth(self) -> Iterator[Act]:
        yield self.version(self.running)
        yield from self._download(100)
        yield from self._install()
        yield self.version(self.target)

    def terse(self) -> Iterator[Act]:
        yield self.version(self.running)
        yield self.say(Word.DOWNLOADING)
        yield Wait(0.5)
        yield self.say(Word.DONE)
        yield Wait(0.5)
        yield self.version(self.target)

    def rolled_back(self) -> Iterator[Act]:
        yield self.version(self.running)
        yield from self._download(100)
        yield from self._install()
        yield self.version(self.running)

    def failing(self) -> Iterator[Act]:
        yield self.version(self.running)
        failure = self.dice.choice(FAILURES[self.dialect])
        if self.dialect == "plain" and self.dice.random() < 0.1:
            yield self.say(Word.REJECTED, failure=REFUSED)
            return
        yield from self._download(self.dice.randint(5, 90) if failure.phase == "download" else 100)
        if failure.phase in ("install", "apply"):
            yield self.say(Word.VERIFIED)
            yield self.say(Word.INSTALLING)
            yield Wait(0.2)
        if failure.phase == "apply":
            yield self.say(Word.APPLYING)
        yield self.say(Word.FAILED, failure=failure)
        if failure.reason in ("-2", "-3"):
            # The vendor's C sample: the downloader reports its code, and then the caller reports -5.
            yield self.say(Word.FAILED, failure=_TENCENT_FAILURES[-1])
        if self.dialect == "tencent":
            yield Wait(0.05)
            yield self.version(self.running)

    def _download(self, until: int) -> Iterator[Act]:
        """Percent by percent, with steps and pauses that differ; in all 0.6 of the time."""
        percent = 0
        while percent < min(until, 99):
            yield self.say(Word.DOWNLOADING, percent=percent)
            step = self.dice.randint(1, 5)
            yield Wait(step * 0.006 * self.dice.uniform(0.5, 1.5))
            percent += step
        if until == 100:
            yield self.say(Word.DOWNLOADED)

    def _install(self) -> Iterator[Act]:
        yield Wait(0.05)
        yield self.say(Word.VERIFIED)
        yield self.say(Word.INSTALLING)
        yield Wait(0.2 * self.dice.uniform(0.5, 1.5))
        yield self.say(Word.APPLYING)
        yield self.say(Word.DONE)
        yield Wait(0.15 * self.dice.uniform(0.5, 1.5))


_PLOTS = {
    "smooth": _Plot.smooth,
    "terse": _Plot.terse,
    "failing": _Plot.failing,
    "rolled_back": _Plot.rolled_back,
}


def _is_unspoken(dialect: Dialect, act: Act) -> bool:
    return isinstance(act, Say) and act.saying.word in UNSPOKEN[dialect]


def sayings_of(acts: Iterable[Act]) -> list[Saying]:
    """Return what will be said, in order."""
    return [act.saying for act in acts if isinstance(act, Say)]
