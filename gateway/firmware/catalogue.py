"""What is held, in memory: found by sha256, by md5 or by name, used and pinned, and what may go for something new."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.firmware.shelf import Held
from gateway.model.firmware import Firmware, Md5, Sha256


class Catalogue:
    """The images, without their bytes."""

    def __init__(self) -> None:
        self._held: dict[Sha256, Held] = {}
        self._by_md5: dict[Md5, Sha256] = {}
        self._by_name: dict[str, Sha256] = {}
        self._pins: dict[str, set[Sha256]] = {}
        self._pinned: Counter[Sha256] = Counter()
        self._open: Counter[Sha256] = Counter()

    def add(self, held: Held) -> None:
        """Take an image up, or what is newly known of one."""
        sha256 = held.image.sha256
        self._held[sha256] = held
        self._by_md5[held.image.md5] = sha256
        self._by_name.update(dict.fromkeys(held.names, sha256))

    def remove(self, sha256: Sha256) -> None:
        """Forget an image; who pinned it still names it, should it come again."""
        held = self._held.pop(sha256, None)
        if held is None:
            return
        if self._by_md5.get(held.image.md5) == sha256:
            del self._by_md5[held.image.md5]
        for name in held.names:
            if self._by_name.get(name) == sha256:
                del self._by_name[name]

    def get(self, sha256: Sha256) -> Held | None:
        """Return what is known of an image."""
        return self._held.get(sha256)

    def find(self, firmware: Firmware) -> Held | None:
        """Return the image that a cloud means: by its md5, or else by the name that it was fetched under."""
        if firmware.md5 is not None:
            return self._at(self._by_md5.get(firmware.md5))
        held = self._at(self._by_name.get(firmware.identity))
        return None if held is None or held.image.misfit(firmware) else held

    def _at(self, sha256: Sha256 | None) -> Held | None:
        return None if sha256 is None else self._held.get(sha256)

    def all(self) -> list[Held]:
        """Return the images, the one used last first."""
        return sorted(self._held.values(), key=lambda held: -held.used_at)

    @property
    def size(self) -> int:
        """Bytes of all images."""
        return sum(held.image.size for held in self._held.values())

    def use(self, sha256: Sha256, now: float) -> None:
        """Remember that an image was used."""
        if sha256 in self._held:
            self._held[sha256] = replace(self._held[sha256], used_at=now)

    def pin(self, sha256: Sha256, key: str) -> None:
        """Keep an image for a key; doing it twice is doing it once."""
        pins = self._pins.setdefault(key, set())
        if sha256 not in pins:
            pins.add(sha256)
            self._pinned[sha256] += 1

    def unpin(self, key: str) -> None:
        """Let go of all that a key keeps."""
        self._pinned -= Counter(self._pins.pop(key, ()))

    def opened(self, sha256: Sha256) -> None:
        """Keep an image while it is read."""
        self._open[sha256] += 1

    def closed(self, sha256: Sha256) -> None:
        """Let go of an image that was read."""
        self._open[sha256] -= 1
        if self._open[sha256] <= 0:
            del self._open[sha256]

    def is_in_use(self, sha256: Sha256) -> bool:
        """Tell whether anybody keeps the image."""
        return sha256 in self._pinned or sha256 in self._open


@dataclass(frozen=True, slots=True)
class Evictable:
    """Something that may go: an image that nobody keeps, or what came of one that nobody fetches."""

    #: A sha256, or the identity of a partial image.
    name: str
    is_partial: bool
    size: int
    used_at: float


def victims(candidates: Iterable[Evictable], needed: int) -> list[Evictable] | None:
    """Choose what goes, the least recently used first, until `needed` bytes are free; None when that is not enough."""
    chosen: list[Evictable] = []
    for candidate in sorted(candidates, key=lambda each: each.used_at):
        if needed <= 0:
            break
        chosen.append(candidate)
        needed -= candidate.size
    return chosen if needed <= 0 else None
