"""Promises as Protocols: what the core expects of the rooms around it, and what they may expect of the core."""
