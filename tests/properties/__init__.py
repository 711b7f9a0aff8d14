"""Properties of tables, codecs and orders."""
