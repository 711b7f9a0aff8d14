"""The clouds of the two vendors, simulated from their documents alone.

They serve the tests, the demo and the benchmarks, and import nothing of the product, so that a mistake in the
product cannot agree with itself. A test holds a cloud, pokes its attributes and talks to it over HTTP::

    cloud = TencentCloud(devices=["PR0DUCT01/dev01"])
    async with serve(cloud) as url:
        cloud.faults.reply_lost = Fault(times=1)
        ...                                           # whatever should report to url + tencent.PATH
    assert cloud.record.illegal == 0
    assert cloud.summary()["devices"]["PR0DUCT01/dev01"]["state"] == "done"

Another process starts ``python -m tests.simulators.tencent`` and steers it under ``/_sim/``, see ``control``.
"""

from tests.simulators.faults import Fault, Faults
from tests.simulators.record import Call, Record, Verdict
from tests.simulators.serving import serve

__all__ = ["Call", "Fault", "Faults", "Record", "Verdict", "serve"]
