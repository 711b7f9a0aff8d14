"""The site side: who a device is, how it speaks, and the way of its words to the core."""
