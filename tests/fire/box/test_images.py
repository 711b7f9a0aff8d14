"""The disk below the images: no room for them, and damage to what is kept."""

from pathlib import Path
from random import Random

from tests.e2e.road_down import road_down, until
from tests.fire.box.box import SEED
from tests.fire.box.injuries import flip_bytes, small_disk

#: Less than images leave free beside the store, and enough.
TOO_SMALL, LARGE_ENOUGH = 40 * 2**20, 80 * 2**20


async def test_images_wait_for_room_and_what_is_damaged_is_never_served(tmp_path: Path) -> None:
    """Nothing is fetched into the store's last room; with more, it is; and a damaged image is fetched anew."""
    with small_disk(tmp_path / "data", TOO_SMALL) as disk:
        async with road_down(tmp_path) as road:
            road.tencent.create_task("PLAIN/d1", "2.0")
            async with road.device("PLAIN/d1").powered() as first:
                await until(lambda: "no_room" in road.site.log(), why=road.site.log)
                assert (await road.site.status("/readyz"), road.told_tencent("PLAIN/d1")) == (200, [])
                disk.remount(f"size={LARGE_ENOUGH}")
                await until(lambda: road.told_tencent("PLAIN/d1")[-1:] == ["done"], within_s=30)
            (image,) = [path for path in (tmp_path / "data/firmware/objects").iterdir() if not path.suffix]
            flip_bytes(image, Random(SEED))
            road.tencent.create_task("PLAIN/d2", "2.0")
            async with road.device("PLAIN/d2").powered() as second:
                await until(lambda: road.told_tencent("PLAIN/d2")[-1:] == ["done"], within_s=30)
            assert (first.flashes, second.flashes) == ({"2.0": 1}, {"2.0": 1})
            assert road.illegal() == []
            assert "firmware_damaged" in road.site.log()
