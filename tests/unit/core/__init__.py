"""The rules around the model, without sockets, files or SQL."""
