"""The firmware room with real files, sockets and processes."""
