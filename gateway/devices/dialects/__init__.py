"""How devices speak: one pure module per dialect, found by the name that the configuration uses."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.devices.dialects.dialect import KINDS, REASONS, ChunkAsked, Dialect, Publish, Reading
from gateway.devices.dialects.onenet import OneNet
from gateway.devices.dialects.plain import Plain
from gateway.devices.dialects.tencent import Tencent

__all__ = ["DIALECTS", "KINDS", "REASONS", "ChunkAsked", "Dialect", "Publish", "Reading"]

DIALECTS: Final[Mapping[str, Dialect]] = MappingProxyType(
    {dialect.name: dialect for dialect in (Plain(), Tencent(), OneNet())}
)
