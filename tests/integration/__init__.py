"""Parts of the gateway with real sockets, files and processes."""
