"""What the firmware room shows of itself to monitoring, read where it is counted."""

from typing import Final

from gateway.firmware.cache import FirmwareCache
from gateway.firmware.responder import ChunkResponder
from gateway.firmware.server import STATUSES, FirmwareServer
from gateway.metrics import FirmwareReadings
from gateway.ports.firmware import Trouble

#: Why a fetch fails; the others are of images that were here.
FETCH_TROUBLES: Final = tuple(
    trouble for trouble in Trouble if trouble not in (Trouble.GONE, Trouble.DAMAGED)
)


def readings(cache: FirmwareCache, server: FirmwareServer, responder: ChunkResponder) -> FirmwareReadings:
    """Read all figures once."""
    tally, figures = cache.tally, cache.figures
    return FirmwareReadings(
        taken=figures.taken,
        quota=figures.quota,
        images=figures.images,
        fetching=figures.fetching,
        transfers=server.transfers,
        hits=tally.hits,
        fetched=tally.fetched,
        bytes_fetched=tally.bytes_fetched,
        evicted=tally.evicted,
        damaged=tally.damaged,
        failures={trouble.value: tally.failed[trouble] for trouble in FETCH_TROUBLES},
        bytes_served={"http": server.bytes_sent, "chunks": responder.bytes_sent},
        answers={str(status): server.answers[status] for status in STATUSES},
    )
