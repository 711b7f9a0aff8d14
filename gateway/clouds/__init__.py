"""The clouds' room: which adapters run, and the HTTP session that each of them is lent."""
