"""The canonical model: pure values and pure functions. No I/O, no clock, no asyncio."""
