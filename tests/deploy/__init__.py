"""What is shipped to run and watch the gateway is right, as far as that can be said without a box."""
