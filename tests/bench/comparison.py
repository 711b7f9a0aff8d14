"""All samples of a run: medians, ratios to the gateway, a table for people and JSON for machines."""

from __future__ import annotations

import dataclasses
from statistics import median
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.cells import Cell, Sample
    from tests.bench.load import Measurement

OURS = "gateway"


class Comparison:
    """Samples by cell and peer, and why a peer is missing."""

    def __init__(self, peers: Sequence[str]) -> None:
        self.peers = list(peers)
        self.missing: dict[str, str] = {}
        self._failures: dict[tuple[Cell, str], str] = {}
        self._samples: dict[Cell, dict[str, list[Sample]]] = {}

    def add(self, cell: Cell, peer: str, sample: Sample) -> None:
        """Keep one sample."""
        self._samples.setdefault(cell, {}).setdefault(peer, []).append(sample)

    def fail(self, cell: Cell, peer: str, reason: str) -> None:
        """Keep why a peer gave no sample."""
        self._samples.setdefault(cell, {})
        self._failures[cell, peer] = reason

    def table(self) -> Table:
        """Show the medians, and the gateway's figure divided by each peer's."""
        rivals = [peer for peer in self.peers if peer != OURS]
        ratios = [f"{OURS} / {rival}" for rival in rivals]
        table = Table(
            "load", *self.peers, *ratios, title="Ingest: QoS 1, 150 bytes, medians", show_lines=True
        )
        for cell, by_peer in self._samples.items():
            figures = [self._figures(cell, by_peer.get(peer, []), peer) for peer in self.peers]
            table.add_row(str(cell), *figures, *(_ratio(cell, by_peer, rival) for rival in rivals))
        return table

    def as_json(self) -> dict[str, Any]:
        """Give every sample and every median."""
        cells = [
            {
                "load": str(cell),
                **dataclasses.asdict(cell),
                "peers": {peer: _json(cell, all_) for peer, all_ in by.items()},
            }
            for cell, by in self._samples.items()
        ]
        failed = [
            {"load": str(cell), "peer": peer, "reason": why} for (cell, peer), why in self._failures.items()
        ]
        return {"missing": self.missing, "failed": failed, "cells": cells}

    def _figures(self, cell: Cell, samples: Sequence[Sample], peer: str) -> str:
        if not samples:
            return escape(self._failures.get((cell, peer), "missing"))
        if cell.idle:
            return f"{_headline(cell, samples):.1f} KB/connection"
        return _traffic_text(cell, samples)


def _headline(cell: Cell, samples: Sequence[Sample]) -> float:
    """Give the figure that ratios are made of: KB when idle, p99 at a rate, else acknowledged a second."""
    if cell.idle:
        return median(each.idle_kb_per_connection for each in samples)
    if cell.rate is not None:
        return _median(samples, lambda run: run.p99_ms)
    return _median(samples, lambda run: run.per_second)


def _ratio(cell: Cell, by_peer: dict[str, list[Sample]], rival: str) -> str:
    if not by_peer.get(OURS) or not by_peer.get(rival):
        return "–"
    unit = "memory" if cell.idle else "p99" if cell.rate is not None else "rate"
    return f"{_headline(cell, by_peer[OURS]) / _headline(cell, by_peer[rival]):.3g} × {unit}"


def _median(samples: Sequence[Sample], figure: Callable[[Measurement], float]) -> float:
    return median(figure(each.traffic) for each in samples if each.traffic)


def _traffic_text(cell: Cell, samples: Sequence[Sample]) -> str:
    lines = [
        f"{_median(samples, lambda run: run.per_second):,.0f}/s",
        f"{median(each.cpu_us_per_message for each in samples):.1f} µs CPU",
        f"p50 {_median(samples, lambda run: run.p50_ms):.2f} ms",
        f"p99 {_median(samples, lambda run: run.p99_ms):.2f} ms",
        f"max {_median(samples, lambda run: run.max_ms):.1f} ms",
    ]
    if cell.window and any(each.generator_limits for each in samples):
        lines.append("generator is the limit")
    return "\n".join([*lines, *_complaints([each.traffic for each in samples if each.traffic])])


def _complaints(runs: Sequence[Measurement]) -> list[str]:
    """Name everything that a sound broker would not show, summed over the runs."""
    names = ("unanswered", "unmatched", "out_of_order", "lost_connections")
    sums = {name: sum(getattr(run, name) for run in runs) for name in names}
    return [f"{count:,} {name.replace('_', ' ')}" for name, count in sums.items() if count]


def _json(cell: Cell, samples: Sequence[Sample]) -> dict[str, Any]:
    return {"headline": _headline(cell, samples), "samples": [dataclasses.asdict(each) for each in samples]}
