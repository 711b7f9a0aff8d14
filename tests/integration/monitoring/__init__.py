"""A real Prometheus watches a real gateway."""
