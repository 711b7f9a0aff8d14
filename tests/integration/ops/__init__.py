"""The gateway as operators and monitoring see it."""
