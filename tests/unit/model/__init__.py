"""The canonical model, one rule to a test."""
