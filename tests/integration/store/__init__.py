"""The store through its port, on both engines."""
