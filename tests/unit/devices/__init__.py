"""Tests of the site side without sockets."""
