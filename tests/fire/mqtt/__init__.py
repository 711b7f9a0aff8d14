"""The broker under fire: a real gateway process, hostile peers on real sockets, and good devices that must not notice.

`attacks` says what hostile peers do, `fort` runs the gateway and watches it, `guard` is the good devices. Each attack
lasts FIRE_SECONDS, by default a second or two; FIRE_SECONDS=60 (with `--timeout 3600`) makes it a siege.
"""
