"""What every adapter promises, proved against a simulator of its cloud."""
