"""Attacks on the whole, from every side that somebody can reach."""
