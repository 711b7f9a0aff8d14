"""What devices may ask of the image server at the same time, and how long it waits for them."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Limits with defaults for a small box."""

    #: Half of them at most from one network.
    connections: int = 2000
    #: Images or parts of images on their way at once; the next ones wait in the order in which they came.
    transfers: int = 200
    #: Of them with links of one device, which may have left some behind when it lost power: nobody, with one link
    #: that was overheard, takes all places.
    transfers_of_one: int = 4
    #: After this a waiting device is sent away with 503 and Retry-After.
    queue: timedelta = timedelta(seconds=10)
    #: A device that takes nothing for so long has gone.
    patience: timedelta = timedelta(seconds=60)
    #: From connecting to the end of the first request's headers.
    first_request: timedelta = timedelta(seconds=15)
    #: Between two requests.
    idle: timedelta = timedelta(seconds=75)
    #: Before who asks without a link of ours is answered: he asks no more often, on however few connections.
    refused: timedelta = timedelta(seconds=0.25)
    #: For transfers to end when the gateway stops.
    shutdown: timedelta = timedelta(seconds=2)
