"""What is seen from outside, without a socket."""
