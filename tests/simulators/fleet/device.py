"""Who a simulated device is, and what will happen to it."""

from dataclasses import dataclass
from typing import Literal

Dialect = Literal["plain", "tencent"]
Plot = Literal["smooth", "terse", "failing", "rolled_back"]
Temper = Literal["steady", "flapping", "duplicating", "garbling", "sleepy"]
#: What the gateway takes for a success: the version that the device reports, or its word.
Success = Literal["on_version_match", "on_done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device: identity and login, the way its updates go (plot), and how it behaves meanwhile (temper)."""

    product: str
    name: str
    #: The password of a plain device; the base64 key of a Tencent one.
    secret: str
    dialect: Dialect = "plain"
    plot: Plot = "smooth"
    temper: Temper = "steady"
    success: Success = "on_version_match"
    #: What runs at first, and what it is brought to, one after the other.
    version: str = "1.0"
    targets: tuple[str, ...] = ("2.0",)

    @property
    def address(self) -> str:
        """The name that everybody uses, ``product/name``."""
        return f"{self.product}/{self.name}"
