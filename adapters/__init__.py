"""Adapters: how each cloud speaks. They see `gateway.ports.cloud`, the model and the errors, nothing else."""
