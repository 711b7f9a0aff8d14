"""Somebody pretends to be somebody else, listens where he must not, or wants to know what he must not know."""
