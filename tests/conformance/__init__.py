"""MQTT 3.1.1, statement by statement: `table` says what each asks and which test shows what the broker does of it."""
