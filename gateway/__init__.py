"""A site gateway for firmware updates: MQTT devices on one side, two clouds on the other."""
