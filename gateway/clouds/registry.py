"""Which adapters run: entry points say what exists, the configuration says what is wanted of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import ValidationError

from gateway.config import CloudConfig, ProductConfig, dotted, problems_of, told
from gateway.errors import ConfigError, Denied
from gateway.ports.cloud import AdapterFactory, CloudAdapter, Site

GROUP = "ota_gateway.adapters"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An adapter that the configuration names, with valid settings."""

    name: str
    factory: AdapterFactory
    settings: Any

    def make(self, site: Site) -> CloudAdapter:
        """Make the adapter; it opens nothing yet."""
        return self.factory(self.settings, site)


def prepare(clouds: Mapping[str, CloudConfig], known: Iterable[EntryPoint] | None = None) -> list[Prepared]:
    """Load and configure an adapter for each cloud; raises ConfigError with all mistakes at once."""
    exists = _existing(known)
    prepared: list[Prepared] = []
    problems: list[str] = []
    for name, cloud in clouds.items():
        try:
            prepared.append(_prepare(name, cloud, exists))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return prepared


def secret_problems(
    clouds: Mapping[str, CloudConfig], known: Iterable[EntryPoint] | None = None
) -> Iterator[str]:
    """Yield what adapters say of the secrets in their settings; what `prepare` raises is not said again."""
    for prepared in _good(clouds, known):
        # A secret that is not there is for the site to say, which knows its key.
        with suppress(Denied):
            for problem in getattr(prepared.factory, "problems", _no_problems)(prepared.settings):
                yield f"{dotted('clouds', prepared.name)}.{problem}"


def device_problems(
    clouds: Mapping[str, CloudConfig],
    products: Mapping[str, ProductConfig],
    known: Iterable[EntryPoint] | None = None,
) -> Iterator[str]:
    """Yield what adapters miss of devices that they are to poll for; what `prepare` raises is not said again."""
    prepared = list(_good(clouds, known))
    for product_id, product in products.items():
        for each in prepared:
            yield from told(_poll_problems(each, dotted("products", product_id, "devices"), product))


def _poll_problems(prepared: Prepared, key: str, product: ProductConfig) -> Iterator[str]:
    if product.tasks == "off" or prepared.name not in product.clouds:
        return
    judge = getattr(prepared.factory, "device_problems", _no_problems)
    for name, device in product.devices.items():
        if device.knows("external"):
            for problem in judge(prepared.settings, device.external.get(prepared.name, {})):
                yield f"{dotted(key, name, prepared.name)}.{problem}"


def _no_problems(*_: Any) -> Sequence[str]:
    return ()


def _good(clouds: Mapping[str, CloudConfig], known: Iterable[EntryPoint] | None) -> Iterator[Prepared]:
    exists = _existing(known)
    for name, cloud in clouds.items():
        with suppress(ConfigError):
            yield _prepare(name, cloud, exists)


def _existing(known: Iterable[EntryPoint] | None) -> dict[str, EntryPoint]:
    return {each.name: each for each in (entry_points(group=GROUP) if known is None else known)}


def _prepare(name: str, cloud: CloudConfig, exists: Mapping[str, EntryPoint]) -> Prepared:
    key = dotted("clouds", name)
    factory = _load(f"{key}.adapter", cloud.adapter, exists)
    try:
        settings = factory.Settings.model_validate(cloud.settings)
    except ValidationError as error:
        known = CloudConfig.model_fields.keys() - {"settings"}
        problems = problems_of(error, key, model=factory.Settings, known=known)
        raise ConfigError(problems) from error
    return Prepared(name=name, factory=factory, settings=settings)


def _load(key: str, adapter: str, exists: Mapping[str, EntryPoint]) -> AdapterFactory:
    if adapter not in exists:
        raise ConfigError(
            [
                f'{key} is "{adapter}"; it must be an installed adapter: {", ".join(sorted(exists)) or "none is"}'
            ]
        )
    try:
        factory: AdapterFactory = exists[adapter].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            [f'{key} is "{adapter}", which cannot be loaded ({error}); install it anew']
        ) from error
    return factory
