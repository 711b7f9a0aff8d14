"""The firmware room, piece by piece."""
