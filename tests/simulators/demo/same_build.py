"""``python -m tests.simulators.demo.same_build``: Tencent's cloud, with the very images that OneNET has.

Left to themselves the two simulated clouds grow images of their own. Here one build was uploaded at both consoles, so
that an image is the same whichever cloud it comes from.
"""

from dataclasses import replace

from tests.simulators.firmware import Firmware
from tests.simulators.serving import run
from tests.simulators.tencent import TencentCloud


class SameBuild(TencentCloud):
    """A Tencent cloud whose image of a version is the one that OneNET has under that version."""

    def firmware_of(self, product: str, version: str) -> Firmware | None:
        """Return an image, if there is one."""
        held = super().firmware_of(product, version)
        return None if held is None else replace(Firmware.grown(held.size, version), kind=held.kind)


if __name__ == "__main__":
    run(SameBuild(), port=0)
