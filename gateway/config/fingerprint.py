"""The SHA-256 fingerprint of a certificate: hexadecimal, with or without colons."""

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_HEX = re.compile(r"[0-9a-f]{64}")


def _fingerprint(value: str) -> str:
    plain = value.replace(":", "").lower()
    if not _HEX.fullmatch(plain):
        raise PydanticCustomError(
            "fingerprint",
            "it must be a SHA-256 fingerprint; print one with: openssl x509 -noout -fingerprint -sha256 -in FILE",
        )
    return plain


#: In lower case and without colons.
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
