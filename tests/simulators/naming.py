"""Names in bulk, predictable from their numbers."""


def numbered(prefix: str, count: int) -> list[str]:
    """Return ``prefix000001`` and so on."""
    return [f"{prefix}{number:06d}" for number in range(1, count + 1)]
