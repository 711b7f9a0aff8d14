"""What amqtt does for one device: CONNACK, SUBSCRIBE, UNSUBSCRIBE, PING, DISCONNECT; never a PUBLISH."""

from typing import Self

from amqtt.broker import BrokerContext
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.plugins.manager import PluginManager
from amqtt.session import Session

from gateway.devices.broker.front import Connection
from gateway.devices.broker.seams import DeviceSession

SUBSCRIPTION_REFUSED = 0x80


class LoggedInAlready(BaseAuthPlugin):
    """Tells amqtt that the login succeeded: without one it would not have heard of the connection."""

    async def authenticate(self, *, session: Session) -> bool:
        """Return True."""
        del session
        return True


class DeviceHandler(BrokerProtocolHandler):
    """The session life of one connection."""

    connection: Connection

    @classmethod
    def serving(
        cls, connection: Connection, plugins: PluginManager[BrokerContext]
    ) -> tuple[Self, DeviceSession]:
        """Return handler and session of a connection that is logged in."""
        handler = cls(plugins)
        handler.connection = connection
        session = DeviceSession()
        # The proven identity is the key: nobody reaches another device's session by choosing its client id.
        session.client_id = str(connection.visit.device)
        session.clean_session = True
        session.remote_address, session.remote_port = connection.peer
        return handler, session

    async def mqtt_connack_authorize(self, authorize: bool) -> None:  # noqa: FBT001 - amqtt's signature
        """Answer the CONNECT; "session present" says whether subscriptions were kept."""
        if self.session is not None:
            self.session.parent = int(self.connection.visit.has_kept_session)
        await super().mqtt_connack_authorize(authorize)

    async def start(self) -> None:
        """Serve; from here on the end of the stream ends the session."""
        await super().start()
        self.connection.begin()

    async def handle_subscribe(self, subscribe: SubscribePacket) -> None:
        """Record, acknowledge and tell, without amqtt's table of all subscriptions of all devices."""
        visit = self.connection.visit
        topics = subscribe.payload.topics if subscribe.payload else []
        # Publishes to devices are of QoS 0, which is what a device is granted whatever it asks for.
        codes = [0 if visit.subscribe(name) else SUBSCRIPTION_REFUSED for name, _ in topics]
        if subscribe.variable_header is not None:
            await self.mqtt_acknowledge_subscription(subscribe.variable_header.packet_id, codes)
            visit.listen(name for (name, _), code in zip(topics, codes, strict=True) if not code)

    async def handle_unsubscribe(self, unsubscribe: UnsubscribePacket) -> None:
        """Forget and acknowledge."""
        for name in unsubscribe.payload.topics if unsubscribe.payload else ():
            self.connection.visit.subscriptions.remove(name)
        if unsubscribe.variable_header is not None:
            await self.mqtt_acknowledge_unsubscription(unsubscribe.variable_header.packet_id)
