"""What a device keeps without power: what it runs, what it was brought, and how often its flash was written. Pure."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

from tests.simulators.fleet.ordered.behaviour import Behaviour, Manner
from tests.simulators.fleet.ordered.order import Order
from tests.simulators.fleet.saying import DEFAULT_MODULE, Word


@dataclass(slots=True, kw_only=True)
class Memory:
    """Two slots for each module, and a place for an image on its way."""

    #: Module → version.
    running: dict[str, str]
    #: Written to its end, and booted next: module → version.
    written: dict[str, str] = field(default_factory=dict)
    #: Version → how often it was written; "mcu 2.0" for a module that is not the default one.
    flashes: Counter[str] = field(default_factory=Counter)
    #: How often the behaviour showed.
    disturbed: int = 0
    _image: bytearray = field(default_factory=bytearray)
    _image_of: str = ""

    def image_for(self, order: Order) -> bytearray:
        """Return as much of the image as is there, to be added to."""
        if self._image_of != order.md5:
            self._image_of, self._image = order.md5, bytearray()
        return self._image

    def forget_image(self) -> None:
        """Begin anew next time."""
        self._image_of, self._image = "", bytearray()

    def is_good(self, order: Order) -> bool:
        """Say whether the image is what the order says, by every digest in it."""
        image = self.image_for(order)
        digests = (hashlib.md5(image).hexdigest(), hashlib.sha256(image).hexdigest())
        return len(image) == order.size and digests == (order.md5, order.sha256 or digests[1])

    def flash(self, order: Order) -> None:
        """Write the other slot to its end."""
        self.written[order.module] = order.version
        name = order.version if order.module == DEFAULT_MODULE else f"{order.module} {order.version}"
        self.flashes[name] += 1
        self.forget_image()

    def boot(self, manner: Manner) -> None:
        """Run what was written, or what ran before when that does not come up."""
        if self.written and not self.shows(manner, Behaviour.ROLLING_BACK):
            self.running |= self.written
        self.written.clear()

    def shows(self, manner: Manner, behaviour: Behaviour) -> bool:
        """Say whether the behaviour shows now, and count it."""
        shows = manner.behaviour is behaviour and self.disturbed < manner.times
        self.disturbed += shows
        return shows

    def shows_at(self, manner: Manner, behaviour: Behaviour, word: Word, percent: int = 100) -> bool:
        """Say whether it shows at this word; of downloading, from a percent on."""
        is_there = manner.at is word and (word is not Word.DOWNLOADING or percent >= manner.percent)
        return is_there and self.shows(manner, behaviour)
