"""Tests of one module each, without sockets."""
