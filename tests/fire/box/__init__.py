"""The box itself is hurt while devices report: its disk, files, database, clock, memory, descriptors and processes.

`injuries` does the damage, `box` runs a site on it and keeps the books: afterwards each cloud has heard all that
devices got acknowledged, and nothing else. Where an injury needs root, or a program that is not there, its test is
skipped.
"""
