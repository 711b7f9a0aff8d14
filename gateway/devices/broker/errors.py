"""How a connection ends: the words that stand in logs and metrics, and the errors that carry them."""

from enum import StrEnum

from gateway.errors import GatewayError


class Ending(StrEnum):
    """Why a connection ended."""

    DISCONNECT = "disconnect"
    CONNECTION_LOST = "connection_lost"
    TAKEN_OVER = "taken_over"
    NOT_COMMITTED = "not_committed"
    SHUTDOWN = "shutdown"
    BROKER = "broker"
    #: The configuration no longer lets the device in as it came.
    RECONFIGURED = "reconfigured"

    # Refused before or at CONNECT.
    MAX_CONNECTIONS = "max_connections"
    CONNECT_RATE = "connect_rate"
    CONNECT_TIMEOUT = "connect_timeout"
    TLS_HANDSHAKE = "tls_handshake"
    PROTOCOL_VERSION = "protocol_version"
    CLIENT_ID = "client_id"

    # The login proved nothing.
    REFUSED = "refused"

    # MQTT or a limit was broken; for a filter or a publish that is refused (ACL, SUBSCRIPTIONS) the connection stays.
    ACL = "acl"
    KEEP_ALIVE = "keep_alive"
    MALFORMED = "malformed"
    PACKET_SIZE = "packet_size"
    PUBLISH_RATE = "publish_rate"
    QOS2 = "qos2"
    SUBSCRIPTIONS = "subscriptions"
    TOPIC = "topic"
    UNEXPECTED_PACKET = "unexpected_packet"


REFUSALS = (
    Ending.MAX_CONNECTIONS,
    Ending.CONNECT_RATE,
    Ending.CONNECT_TIMEOUT,
    Ending.TLS_HANDSHAKE,
    Ending.PROTOCOL_VERSION,
    Ending.CLIENT_ID,
)
PROTOCOL_ERRORS = (
    Ending.ACL,
    Ending.KEEP_ALIVE,
    Ending.MALFORMED,
    Ending.PACKET_SIZE,
    Ending.PUBLISH_RATE,
    Ending.QOS2,
    Ending.SUBSCRIPTIONS,
    Ending.TOPIC,
    Ending.UNEXPECTED_PACKET,
)


class PacketError(GatewayError):
    """A device broke MQTT or a limit; its connection is closed.

    `return_code` is the CONNACK that tells it, where MQTT has one; `published` are topic and payload of a PUBLISH
    that could be read.
    """

    def __init__(
        self,
        ending: Ending,
        detail: str,
        *,
        return_code: int | None = None,
        published: tuple[str, bytes] | None = None,
    ) -> None:
        super().__init__(f"{ending}: {detail}")
        self.ending = ending
        self.detail = detail
        self.return_code = return_code
        self.published = published


class SeamError(GatewayError):
    """The installed amqtt lacks a private seam that the broker room leans on."""
