"""The demo: both simulated clouds, the gateway and a fleet, a cloud that goes away, and a table at the end."""
