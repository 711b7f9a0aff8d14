"""The files of deploy/, and which metrics there are to speak of in them."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from gateway.metrics import FirmwareReadings, Metrics

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROMETHEUS = DEPLOY / "prometheus"

_SUFFIXES = {"counter": ("_total",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}
#: What Prometheus adds to every target.
_OF_PROMETHEUS = {"up"}
#: All of PromQL that is not a metric's name: matchers and texts, lists of labels, durations and numbers, words.
_STRINGS = re.compile(r"\{[^}]*\}|\"[^\"]*\"|'[^']*'")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_RANGES = re.compile(r"\[[^\]]*\]|\boffset\s+\w+|\b\d[\w.]*")
_NAME = re.compile(r"[a-zA-Z_:][\w:]*\b(?!\s*\()")
_WORDS = {"and", "or", "unless", "bool", "sum", "max", "min", "avg", "count", "topk"}


def text(*parts: str) -> str:
    """Read a file of deploy/."""
    return DEPLOY.joinpath(*parts).read_text()


def parsed(*parts: str) -> Any:
    """Read a YAML file of deploy/."""
    return yaml.safe_load(text(*parts))


def rules() -> list[dict[str, Any]]:
    """Every alert."""
    return [rule for group in parsed("prometheus", "alerts.yml")["groups"] for rule in group["rules"]]


def metrics_in(expression: str) -> set[str]:
    """Every name of a metric in a PromQL expression."""
    for noise in (_STRINGS, _LABELS, _RANGES):
        expression = noise.sub(" ", expression)
    return set(_NAME.findall(expression)) - _WORDS


def known_metrics() -> set[str]:
    """Every name under which a sample of the gateway can be asked for."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    Metrics(registry).read_firmware(_no_firmware)
    return _OF_PROMETHEUS | set(_sample_names(registry))


def tool(name: str, package: str) -> str:
    """Find a program; without it, skip and say what to install."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return found


def _sample_names(registry: CollectorRegistry) -> Iterator[str]:
    for family in registry.collect():
        yield from (family.name + suffix for suffix in _SUFFIXES.get(family.type, ("",)))


def _no_firmware() -> FirmwareReadings:
    nothing: dict[str, Any] = {
        field.name: 0 if field.type is int else {} for field in fields(FirmwareReadings)
    }
    return FirmwareReadings(**nothing)
