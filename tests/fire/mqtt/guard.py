"""Good devices in a process of their own: they report at a steady pace and time every PUBACK.

`python -m tests.fire.mqtt.guard PORT COUNT` says "ready", reports until its input ends, then prints JSON.
"""

import contextlib
import json
import socket
import sys
import threading
import time

from tests.integration.broker.mqtt import ACCEPTED, connect, puback, publish

PACE_S = 0.04
"""25 reports a second and device: half of what the default limit lets through."""

PATIENCE_S = 20.0
"""After it a report counts as never acknowledged."""


class GoodDevice(threading.Thread):
    """One device that reports, waits for its PUBACK, and reports again."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__(name=f"good-{number}")
        self._port = port
        self._device = f"good{number}"
        self.is_in = threading.Event()
        self.is_over = threading.Event()
        self.latencies: list[float] = []
        self.trouble: str | None = None

    def run(self) -> None:
        """Report until told to end, or until something goes wrong."""
        try:
            with self._let_in() as sock:
                self.is_in.set()
                self._report(sock)
        except (OSError, ValueError) as error:
            self.trouble = f"{self._device} after {len(self.latencies)} reports: {error!r}"
        finally:
            self.is_in.set()

    def _let_in(self) -> socket.socket:
        """Come again, as devices do, where those before took the places of this second; return the connection."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return self._connected()
            except ConnectionError:
                if time.monotonic() > end:
                    raise
                time.sleep(PACE_S)

    def _connected(self) -> socket.socket:
        with contextlib.ExitStack() as unless_let_in:
            sock = unless_let_in.enter_context(
                socket.create_connection(("127.0.0.1", self._port), PATIENCE_S)
            )
            sock.sendall(connect(self._device))
            self._expect(sock, ACCEPTED)
            unless_let_in.pop_all()
        return sock

    def _report(self, sock: socket.socket) -> None:
        number = 0
        while not self.is_over.wait(PACE_S):
            number = number % 65_535 + 1
            payload = b'{"type":"state","version":"2.0","state":"downloading","percent":%d}' % (number % 100)
            start = time.perf_counter()
            sock.sendall(publish(f"ota/P/{self._device}/report", payload, number))
            self._expect(sock, puback(number))
            self.latencies.append(time.perf_counter() - start)

    @staticmethod
    def _expect(sock: socket.socket, expected: bytes) -> None:
        got = b""
        while len(got) < len(expected):
            if not (more := sock.recv(len(expected) - len(got))):
                raise ConnectionError("the broker closed")
            got += more
        if got != expected:
            raise ValueError(f"{got!r} instead of {expected!r}")


def main() -> None:
    """Guard until the input ends."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    devices = [GoodDevice(port, number) for number in range(count)]
    for each in devices:
        each.start()
    for each in devices:
        each.is_in.wait()
    print("ready", flush=True)
    sys.stdin.read()
    for each in devices:
        each.is_over.set()
    for each in devices:
        each.join()
    print(
        json.dumps(
            {
                "latencies": [latency for each in devices for latency in each.latencies],
                "troubles": [each.trouble for each in devices if each.trouble],
            }
        )
    )


if __name__ == "__main__":
    main()
