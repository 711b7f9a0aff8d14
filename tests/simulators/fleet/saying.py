"""What a device can say of an update, whatever its dialect."""

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_MODULE = "default"


class Word(StrEnum):
    """The kinds of report."""

    VERSION = "version"
    DOWNLOADING = "downloading"
    DOWNLOADED = "downloaded"
    VERIFIED = "verified"
    INSTALLING = "installing"
    APPLYING = "applying"
    DONE = "done"
    FAILED = "failed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why it went wrong: in the device's words, and in the codes that both clouds have for it."""

    phase: str
    reason: str
    #: ResultCode of AppReportOTAStatus.
    tencent: int
    #: `result` of /ota/south/report.
    onenet: int
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """One report. A version report names what runs, every other one what is being installed."""

    word: Word
    version: str
    #: The update that it is part of.
    target: str
    percent: int | None = None
    failure: Failure | None = None
    #: What is updated, of a device that has more than one.
    module: str = DEFAULT_MODULE
    #: Percent and any unit, beside a version.
    battery: int | None = None
    signal: int | None = None

    def __str__(self) -> str:
        """Show it in a few words."""
        more = {Word.VERSION: self.version, Word.DOWNLOADING: f"{self.percent} %"}.get(self.word, "")
        return f"{self.word} {more}".rstrip()
