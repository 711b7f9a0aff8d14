"""Benchmarks: they measure and print, they never assert.

`python -m tests.bench.ingest` compares the gateway with other brokers; `python -m tests.bench.mqtt_load`
loads any MQTT broker on this machine.
"""
