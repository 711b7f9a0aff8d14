"""A gateway, and the broker that Home Assistant uses."""
