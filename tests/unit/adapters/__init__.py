"""Tests of the adapters and of the room that lends them a session."""
