"""What keeps every rule and may still not work: a word of warning from `check`, no mistake."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from gateway.config.model import Config
from gateway.errors import Denied

#: Nothing slows down who guesses at the token.
_TOKEN_CHARACTERS: Final = 16


def doubts(config: Config) -> Iterator[str]:
    """Yield a sentence for each."""
    yield from _token_doubts(config)
    yield from _link_doubts(config)


def _token_doubts(config: Config) -> Iterator[str]:
    token = config.http.token if config.http.knows("token") else None
    try:
        length = _TOKEN_CHARACTERS if token is None else len(token.reveal())
    except Denied:
        # That is a mistake, and said as one.
        return
    if length < _TOKEN_CHARACTERS:
        yield (
            f"http.token is short enough to be guessed; take one of {_TOKEN_CHARACTERS} characters or more, "
            "as `openssl rand -hex 16` prints them"
        )


def _link_doubts(config: Config) -> Iterator[str]:
    if config.firmware is None or not config.firmware.knows("public_url"):
        return
    url = config.firmware.public_url
    served = [key for key, product in config.products.items() if product.knows("dialect", "tasks")]
    vendors = [key for key in served if _fetches_as_tencent(config, key)]
    if vendors and urlsplit(url).netloc.rpartition("]")[2].find(":") >= 0:
        yield (
            f'firmware.public_url is "{url}", from which devices of {", ".join(vendors)} fetch: Tencent\'s C SDK reads '
            "no port in a URL; where they have it, serve port 80 and leave the port out"
        )


def _fetches_as_tencent(config: Config, product_id: str) -> bool:
    product = config.products[product_id]
    return product.dialect == "tencent" and product.tasks == "poll"
