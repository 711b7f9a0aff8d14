"""Casts: fleets of a realistic mixture, the same for the same numbers."""

import base64
import hashlib

from tests.simulators.fleet.device import Device, Dialect, Plot, Success, Temper

#: One device of each row in turn; of 25, three fail and two roll back.
ROLES: tuple[tuple[Plot, Temper], ...] = (
    ("smooth", "steady"),
    ("smooth", "flapping"),
    ("terse", "steady"),
    ("failing", "steady"),
    ("smooth", "garbling"),
    ("smooth", "duplicating"),
    ("rolled_back", "steady"),
    ("smooth", "sleepy"),
    ("failing", "flapping"),
    ("smooth", "steady"),
    ("smooth", "flapping"),
    ("terse", "duplicating"),
    ("smooth", "steady"),
    ("smooth", "garbling"),
    ("smooth", "steady"),
    ("rolled_back", "flapping"),
    ("smooth", "steady"),
    ("smooth", "sleepy"),
    ("failing", "duplicating"),
    ("smooth", "steady"),
    ("terse", "flapping"),
    ("smooth", "steady"),
    ("smooth", "duplicating"),
    ("smooth", "steady"),
    ("smooth", "steady"),
)


def secret_of(product: str, name: str) -> str:
    """Return a device's secret: base64, as a Tencent device needs it."""
    return base64.b64encode(hashlib.sha256(f"{product}/{name}".encode()).digest()[:16]).decode()


def cast(
    product: str,
    count: int,
    *,
    dialect: Dialect = "plain",
    prefix: str = "dev",
    success: Success = "on_version_match",
    targets: tuple[str, ...] = ("2.0",),
) -> list[Device]:
    """Return so many devices, ``prefix01`` and so on."""
    return [
        Device(
            product=product,
            name=name,
            secret=secret_of(product, name),
            dialect=dialect,
            plot=plot,
            temper=temper,
            success=success,
            targets=targets,
        )
        for number in range(count)
        for name in [f"{prefix}{number + 1:02d}"]
        for plot, temper in [ROLES[number % len(ROLES)]]
    ]
