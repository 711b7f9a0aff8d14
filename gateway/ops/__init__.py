"""What people and machines see of the gateway from outside."""
