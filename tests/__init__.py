"""Everything that proves the gateway, and the simulators that the demo and the benches share."""
