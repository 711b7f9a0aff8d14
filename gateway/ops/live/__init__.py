"""What happens now, told to whoever watches: a picture of the gateway, and then only what changes in it."""
