"""An image as a cloud holds it."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Firmware:
    """Bytes with the figures that the vendors publish about them."""

    image: bytes
    md5: str  # of the whole file, lower-case hexadecimal
    kind: str = "mcu"

    @classmethod
    def of(cls, image: bytes, *, kind: str = "mcu") -> "Firmware":
        """Measure an image."""
        return cls(image=image, md5=hashlib.md5(image).hexdigest(), kind=kind)

    @property
    def size(self) -> int:
        """The length in bytes."""
        return len(self.image)


# OneNET, sample of "detect upgrade task": its md5 ad2f4e4ea2a27eace7e4913139f8f01a is that of these 22 bytes.
SAMPLE = Firmware.of(b"1" * 14 + b"2" * 8)
