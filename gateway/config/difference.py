"""What a new configuration changes of the one that runs: a pure comparison, which says what only a restart can apply.

Law: `in_force` is the new configuration, but for what needs a restart, which stays as it is. Folding any number of
configurations over the first one leaves what a start with the last one would have, but for those same keys.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.config import rules
from gateway.config.model import Config
from gateway.config.problems import dotted
from gateway.config.products import DeviceConfig, ProductConfig
from gateway.config.section import Section
from gateway.config.sections import CloudConfig, MqttConfig

#: By section: what is taken up once, where the process begins.
_AT_START = {
    "gateway": ("name", "data_dir"),
    "mqtt": ("listen", "tls_listen"),
    "http": ("listen",),
    "store": ("url", "password"),
}
#: Tables that are taken up there as a whole, and may be left out.
_WHOLE = ("firmware", "home_assistant")
#: What belongs to the TLS listener, and means nothing without it.
_OF_TLS = ("tls_certificate", "tls_key", "tls_client_ca", "denied_certificates")
_SECRET = {"password"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The tables of one kind that came, went, and are not as they were."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """From the configuration that runs to the next one."""

    in_force: Config
    #: Keys, each with a word on what became of it.
    applied: tuple[str, ...]
    #: Keys that wait for a restart, each with the sentence that says so.
    waiting: dict[str, str]
    clouds: Names
    products: Names

    def problems(self) -> Iterator[str]:
        """Yield the rules that break only because something waits for a restart: then nothing is applied."""
        if self.waiting:
            for problem in _broken(self.in_force):
                yield f"until a restart applies {', '.join(self.waiting)}: {problem}"


def difference(old: Config, new: Config) -> Difference:
    """Compare two configurations that keep all rules."""
    in_force = _in_force(old, new)
    return Difference(
        in_force=in_force,
        applied=tuple(_applied(old, in_force)),
        waiting=dict(_waiting(old, new)),
        clouds=_names(old.clouds, new.clouds),
        products=_names(old.products, new.products),
    )


def _in_force(old: Config, new: Config) -> Config:
    sections: dict[str, Any] = {name: getattr(old, name) for name in _WHOLE}
    for name, keys in _AT_START.items():
        kept = (*keys, *_OF_TLS) if name == "mqtt" and not _has_tls(old.mqtt, new.mqtt) else keys
        before, after = getattr(old, name), getattr(new, name)
        sections[name] = after.model_copy(update={key: getattr(before, key) for key in kept})
    return new.model_copy(update=sections)


def _has_tls(old: MqttConfig, new: MqttConfig) -> bool:
    return old.tls_listen is not None and new.tls_listen is not None


def _waiting(old: Config, new: Config) -> Iterator[tuple[str, str]]:
    for name, keys in _AT_START.items():
        before, after = getattr(old, name), getattr(new, name)
        for key in keys:
            if getattr(before, key) != getattr(after, key):
                yield _waits(f"{name}.{key}", "as it is" if key in _SECRET else _shown(getattr(before, key)))
    for name in _WHOLE:
        before, after = getattr(old, name), getattr(new, name)
        if before is None or after is None:
            if before is not after:
                yield _waits(name, "away" if before is None else "as it is")
            continue
        for key in _differing(before, after):
            yield _waits(f"{name}.{key}", "as it is" if key in _SECRET else _shown(getattr(before, key)))


def _waits(key: str, stays: str) -> tuple[str, str]:
    return key, f"{key} needs a restart; it stays {stays} until then"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return '""' if value is None else str(value)


def _applied(old: Config, new: Config) -> Iterator[str]:
    for name in _AT_START:
        before, after = getattr(old, name), getattr(new, name)
        for key in _differing(before, after):
            if key == "limits":
                yield from (
                    f"mqtt.limits.{inner} changed" for inner in _differing(before.limits, after.limits)
                )
            else:
                yield f"{name}.{key} changed"
    for kind in ("clouds", "products"):
        tables = getattr(old, kind), getattr(new, kind)
        names = _names(*tables)
        yield from (f"{dotted(kind, name)} added" for name in names.added)
        yield from (f"{dotted(kind, name)} removed" for name in names.removed)
        for name in names.changed:
            yield from _inside(dotted(kind, name), tables[0][name], tables[1][name])


def _inside(key: str, old: Section, new: Section) -> Iterator[str]:
    """Say which keys of a cloud or a product changed; of its devices, how many."""
    for name in _differing(old, new):
        if name == "settings" and isinstance(old, CloudConfig) and isinstance(new, CloudConfig):
            both = sorted(old.settings.keys() | new.settings.keys())
            yield from (
                f"{dotted(key, each)} changed"
                for each in both
                if old.settings.get(each) != new.settings.get(each)
            )
        elif name == "devices" and isinstance(old, ProductConfig) and isinstance(new, ProductConfig):
            yield f"{key}.devices changed ({_counted(_names(old.devices, new.devices))})"
        else:
            yield f"{key}.{name} changed"


def _counted(names: Names) -> str:
    counts = {"added": names.added, "removed": names.removed, "changed": names.changed}
    return ", ".join(f"{len(found)} {word}" for word, found in counts.items() if found)


def _differing(old: Section, new: Section) -> list[str]:
    return [key for key in type(old).model_fields if getattr(old, key) != getattr(new, key)]


def _names(
    old: dict[str, Any] | dict[str, DeviceConfig], new: dict[str, Any] | dict[str, DeviceConfig]
) -> Names:
    return Names(
        added=tuple(sorted(new.keys() - old.keys())),
        removed=tuple(sorted(old.keys() - new.keys())),
        changed=tuple(sorted(name for name in old.keys() & new.keys() if old[name] != new[name])),
    )


def _broken(config: Config) -> Iterator[str]:
    """Yield what breaks of the rules that tie what needs a restart to what does not."""
    yield from rules.mqtt_rules(config.mqtt)
    yield from rules.http_rules(config.http)
    if config.firmware is not None:
        yield from rules.firmware_rules(config.firmware, config.mqtt)
    for product_id, product in config.products.items():
        key = dotted("products", product_id)
        yield from rules.task_rules(key, product, has_firmware=config.firmware is not None)
        yield from rules.login_rules(key, product, config.mqtt)
