"""The gateway as a process, real MQTT clients, simulated clouds."""
