"""A device without HTTP takes an image from the real cache, chunk by chunk."""

import zlib

from gateway.firmware.cache import FirmwareCache
from gateway.firmware.chunks import Request, Status, read_chunk, tag_of, write_request
from gateway.firmware.responder import ChunkResponder
from gateway.model.firmware import Firmware
from gateway.model.identity import DeviceId, Version
from gateway.ports.firmware import Served
from tests.integration.firmware.origin import content_of
from tests.integration.firmware.test_obtain import Given

DEVICE = DeviceId("P", "d1")


async def test_an_image_comes_from_the_back_to_the_front(cache: FirmwareCache) -> None:
    """In any order, each chunk checked by itself; when the image goes, the device is told."""
    image = await cache.obtain(
        Firmware(version=Version("2.0"), url="http://h/a"), Given(content_of(100_001)), key="u1"
    )
    served: list[Served] = []
    responder = ChunkResponder(cache, lambda device, name: image.sha256, report=served.append)
    flash = bytearray(image.size)
    for offset in reversed(range(0, image.size, 4096)):
        packet = await responder.answer(DEVICE, write_request(Request("u1", offset, 4096)))
        chunk = read_chunk(packet)
        assert (chunk.status, chunk.tag, chunk.total) == (Status.OK, tag_of("u1"), image.size)
        flash[chunk.offset : chunk.offset + len(chunk.data)] = chunk.data
    assert zlib.crc32(flash) == zlib.crc32(content_of(100_001))
    assert sum(each.sent for each in served) == image.size
    cache._shelf.path(image).unlink()
    gone = await responder.answer(DEVICE, write_request(Request("u1", 0)))
    assert read_chunk(gone).status is Status.GONE
