"""A cloud's object store, as far as one image goes: `python -m tests.bench.images_origin BYTES [BYTES_PER_SECOND]`.

Prints its URL. Each connection gets the image from its beginning, at the rate or as fast as it is taken.
"""

from __future__ import annotations

import socket
import sys
import time
from random import Random

PIECE = 64 * 1024


def serve(size: int, rate: float) -> None:
    """Answer one connection after the other."""
    pieces = [Random(number).randbytes(PIECE) for number in range(16)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}/image.bin", flush=True)
        while True:
            line, _ = listener.accept()
            with line:
                answer(line, size, rate, pieces)


def answer(line: socket.socket, size: int, rate: float, pieces: list[bytes]) -> None:
    """Send the image."""
    asked = b""
    while b"\r\n\r\n" not in asked:
        asked += line.recv(PIECE)
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size)
    begun = time.monotonic()
    for number, start in enumerate(range(0, size, PIECE)):
        line.sendall(pieces[number % len(pieces)][: size - start])
        time.sleep(max(0.0, begun + (start + PIECE) / rate - time.monotonic()))


if __name__ == "__main__":
    serve(int(sys.argv[1]), float((*sys.argv[2:], "inf")[0]))
