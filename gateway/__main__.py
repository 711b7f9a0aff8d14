"""`python -m gateway` is `ota-gateway`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
