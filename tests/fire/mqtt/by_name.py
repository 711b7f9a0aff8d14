"""The attacks by name, for who plays them in a process of its own; those on the port with TLS begin with `tls_`."""

from tests.fire.mqtt import attacks, tls_attacks
from tests.fire.mqtt.attacks import Attack

BEHIND_TLS = "tls_"
#: What may end an attack: the gateway is free to hang up, or not to be there.
ENDED = (OSError, AssertionError, TimeoutError, EOFError)


def attack_of(name: str) -> Attack:
    """Return what strikes by this name."""
    own = name.removeprefix(BEHIND_TLS)
    found: Attack = getattr(attacks if own == name else tls_attacks, own)
    return found
