"""Names and images in bulk, predictable from their numbers."""

PRIME = bytes(
    i * 7 % 251 for i in range(251)
)  # a period prime to every block size, so that a shifted block shows


def numbered(prefix: str, count: int) -> list[str]:
    """Return ``prefix000001`` and so on."""
    return [f"{prefix}{number:06d}" for number in range(1, count + 1)]


def pattern(size: int) -> bytes:
    """Return an image of so many bytes."""
    return (PRIME * (size // len(PRIME) + 1))[:size]
