"""The only room that knows amqtt: an MQTT 3.1.1 broker whose PUBACK means "committed".

`MqttBroker` serves `ports.devices.Downlink`; it calls `Access` before anything else, and `Receiver` for every publish.
"""

from gateway.devices.broker.broker import MqttBroker
from gateway.devices.broker.errors import SeamError
from gateway.devices.broker.limits import Limits
from gateway.devices.broker.listeners import Listener, TlsFiles

__all__ = ["Limits", "Listener", "MqttBroker", "SeamError", "TlsFiles"]
