"""`python -m gateway` is `ota-gateway`."""

import signal


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, also while it is still being loaded."""
    interrupted = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from gateway.cli import main as run  # noqa: PLC0415 - seconds on a small box, in which nobody wants a traceback

    signal.signal(signal.SIGINT, interrupted)
    run()


if __name__ == "__main__":
    main()
