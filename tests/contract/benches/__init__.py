"""An adapter with the simulator of its cloud, for each that there is.

A third cloud joins the suite with one subclass of `Bench`.
"""

from collections.abc import Callable
from pathlib import Path

from tests.contract.benches.bench import IMAGE, Bench
from tests.contract.benches.journal import JournalBench
from tests.contract.benches.onenet import FuseBench, OneNetBench
from tests.contract.benches.teller import Teller
from tests.contract.benches.tencent import TencentBench, TencentClientBench, TencentLoginBench

__all__ = ["BENCHES", "IMAGE", "SERVED", "Bench", "Teller", "TencentBench"]

BENCHES: tuple[Callable[[Path], Bench], ...] = (
    TencentBench,
    TencentClientBench,
    TencentLoginBench,
    OneNetBench,
    FuseBench,
    JournalBench,
)
SERVED = BENCHES[:-1]
