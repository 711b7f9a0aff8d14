"""The broker room, through real sockets."""
