"""From a file to a Config: read, override, validate each table alone, then check the rules between them."""

import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from gateway.config import rules
from gateway.config.devices_file import DevicesFile, Listed
from gateway.config.environment import is_deep, override
from gateway.config.model import Config
from gateway.config.problems import did_you_mean, dotted, problems_of, unknown_values
from gateway.config.products import DeviceConfig, ProductConfig, identity
from gateway.config.section import Section, told
from gateway.config.sections import (
    CloudConfig,
    FirmwareConfig,
    GatewayConfig,
    HomeAssistantConfig,
    HttpConfig,
    MqttConfig,
    StoreConfig,
)
from gateway.errors import ConfigError

#: Characters.
_LONGEST = 16 * 2**20
_TOO_DEEP = "{} is nested too deeply to be read; take brackets out"

_S = TypeVar("_S", bound=Section)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A file as far as it was understood."""

    #: The keys that have mistakes are unknown to it, see `Section.without`.
    config: Config
    problems: list[str]


def load(path: Path, environ: Mapping[str, str] | None = None) -> Config:
    """Read the file, overridden by the environment; raises ConfigError with all mistakes at once."""
    reading = read(path, environ)
    if reading.problems:
        raise ConfigError(reading.problems)
    return reading.config


def read(path: Path, environ: Mapping[str, str] | None = None) -> Reading:
    """Read the file as `load` does, and keep what is good in it; raises ConfigError when it is no TOML."""
    document = _document(path)
    if is_deep(document):
        raise ConfigError([_TOO_DEEP.format(path)])
    variables = override(document, os.environ if environ is None else environ)
    reader = _Reader(path.absolute().parent)
    config = reader.config(document)
    return Reading(
        config=config, problems=[_with_variable(problem, variables) for problem in reader.problems]
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        # As editors on Windows write it, too: with a mark at its beginning.
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(_LONGEST + 1)
        if len(text) <= _LONGEST:
            return tomllib.loads(text)
        problem = f"{path} has more than {_LONGEST} characters; list devices in a devices_file"
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror}); correct the path or its permissions"
    except UnicodeDecodeError:
        problem = f"{path} is not UTF-8 text; save it as UTF-8"
    except ValueError as error:
        # Not TOMLDecodeError alone: a number of thousands of digits is refused by int().
        problem = f"{path} is not TOML: {error}; correct it there"
    except RecursionError:
        problem = _TOO_DEEP.format(path)
    raise ConfigError([problem])


def _with_variable(problem: str, variables: Mapping[str, str]) -> str:
    key, space, rest = problem.partition(" ")
    variable = variables.get(key.removesuffix(":"))
    return f"{key}{space}(from {variable}) {rest}" if variable else problem


class _Reader:
    """Collects the problems of one document; a key with a mistake is left out, the others are still checked."""

    def __init__(self, directory: Path) -> None:
        self._context = {"directory": directory}
        self._names = rules.Names()
        self.problems: list[str] = []

    def config(self, document: dict[str, Any]) -> Config:
        for key in [key for key in document if key not in Config.model_fields]:
            self.problems.append(
                f"{dotted('', key)} is not a known key; {did_you_mean(key, Config.model_fields)}"
            )
        mqtt = self._section(MqttConfig, document, "mqtt")
        http = self._section(HttpConfig, document, "http")
        store = self._section(StoreConfig, document, "store")
        self.problems += rules.mqtt_rules(mqtt)
        self.problems += told(rules.http_rules(http))
        self.problems += told(rules.store_rules(store))
        firmware = self._optional(FirmwareConfig, document, "firmware")
        if firmware:
            self.problems += told(rules.firmware_rules(firmware, mqtt))
        self.problems += rules.listen_rules(
            {
                f"{name}.{key}": getattr(section, key)
                for name, section, key in (
                    ("mqtt", mqtt, "listen"),
                    ("mqtt", mqtt, "tls_listen"),
                    ("http", http, "listen"),
                    ("firmware", firmware, "listen"),
                )
                if section and section.knows(key)
            }
        )
        gateway = self._section(GatewayConfig, document, "gateway")
        clouds = self._clouds(document)
        return Config.model_construct(
            gateway=gateway,
            mqtt=mqtt,
            http=http,
            store=store,
            firmware=firmware,
            home_assistant=self._optional(HomeAssistantConfig, document, "home_assistant"),
            clouds=clouds,
            products=self._products(document, mqtt, clouds),
        )

    def _section(self, model: type[_S], document: dict[str, Any], key: str) -> _S:
        return self._validated(model, document.get(key, {}), key)

    def _optional(self, model: type[_S], document: dict[str, Any], key: str) -> _S | None:
        return self._section(model, document, key) if key in document else None

    def _validated(self, model: type[_S], raw: Any, key: str) -> _S:
        try:
            return model.model_validate(raw, context=self._context)
        except ValidationError as error:
            self.problems += problems_of(error, key, model=model)
            return self._rest(model, raw, unknown_values(error, model))

    def _rest(self, model: type[_S], raw: Any, unknown: Collection[str]) -> _S:
        """Return what is good in a table."""
        if not isinstance(raw, dict):
            return model.model_construct().without(model.model_fields)
        good = {key: value for key, value in raw.items() if key not in unknown}
        for key, field in model.model_fields.items():
            # Without a value for what is required, the others could not be validated.
            if key in unknown and field.is_required() and field.examples:
                good[key] = field.examples[0]
        try:
            return model.model_validate(good, context=self._context).without(unknown)
        except ValidationError:
            return model.model_construct().without(model.model_fields)

    def _tables(self, document: dict[str, Any], key: str, shown: str) -> dict[str, Any]:
        """Return a table of tables; anything else is a problem."""
        raw = document.get(key, {})
        if isinstance(raw, dict):
            return raw
        self.problems.append(f"{shown} must be a table; write [{shown}.NAME]")
        return {}

    def _clouds(self, document: dict[str, Any]) -> dict[str, CloudConfig]:
        clouds = {}
        for name, raw in self._tables(document, "clouds", "clouds").items():
            key = dotted("clouds", name)
            clouds[name] = self._validated(CloudConfig, raw, key)
            self.problems += told(rules.cloud_rules(name, clouds[name]))
            self.problems += rules.poll_rules(key, clouds[name])
        return clouds

    def _products(
        self, document: dict[str, Any], mqtt: MqttConfig, clouds: Collection[str]
    ) -> dict[str, ProductConfig]:
        products = {}
        for product_id, raw in self._tables(document, "products", "products").items():
            key = dotted("products", product_id)
            self._identity(product_id, key)
            own = {k: v for k, v in raw.items() if k != "devices"} if isinstance(raw, dict) else raw
            product = self._validated(ProductConfig, own, key)
            self.problems += told(rules.product_rules(key, product, clouds))
            self.problems += told(rules.task_rules(key, product, has_firmware="firmware" in document))
            self.problems += told(rules.login_rules(key, product, mqtt))
            listed = self._listed(key, raw, product, clouds) if isinstance(raw, dict) else []
            devices = self._devices(key, product, listed, clouds)
            products[product_id] = product.model_copy(update={"devices": devices})
        return products

    def _listed(
        self, key: str, raw: dict[str, Any], product: ProductConfig, clouds: Collection[str]
    ) -> list[Listed]:
        """Return the devices of the file, then those of the tables."""
        listed = []
        if product.knows("devices_file") and product.devices_file:
            file = DevicesFile(
                product.devices_file, f"{key}.devices_file", rules.clouds_of(product, clouds), known=clouds
            )
            listed = file.read()
            self.problems += file.problems
        for name, table in self._tables(raw, "devices", f"{key}.devices").items():
            place = dotted(f"{key}.devices", name)
            self._identity(name, place)
            listed.append(Listed(place=place, name=name, device=self._validated(DeviceConfig, table, place)))
        return listed

    def _devices(
        self, key: str, product: ProductConfig, listed: list[Listed], clouds: Collection[str]
    ) -> dict[str, DeviceConfig]:
        devices: dict[str, DeviceConfig] = {}
        places: dict[str, str] = {}
        for one in listed:
            if one.name in devices:
                self.problems.append(
                    f'{one.place} is the device "{one.name}" of {key}, and so is {places[one.name]}; remove one'
                )
                continue
            devices[one.name], places[one.name] = one.device, one.place
            self.problems += told(rules.credential_rules(one, product))
            self.problems += told(rules.external_rules(one, product, clouds))
            self.problems += told(self._names.collisions(one))
        return devices

    def _identity(self, name: str, key: str) -> None:
        try:
            identity(name)
        except ValueError as error:
            self.problems.append(f"{key} is no good name; {error}")
