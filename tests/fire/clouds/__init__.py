"""The clouds suffer, or make others suffer; the gateway between them and the devices is a real one."""
