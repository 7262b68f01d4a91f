"""Weights in a header such as Accept or Accept-Encoding (RFC 9110, section 12.4.2)."""

import re
from collections.abc import Mapping
from typing import Final

MAX_LENGTH: Final = 4096
"""Characters of a header that are read: browsers send about 150."""
_QUALITY: Final = re.compile(r"q\s*=\s*([01](?:\.\d{0,3})?)", re.ASCII)


def read_weights(header: str) -> dict[str, float]:
    """The names in the header with their q, lower case; a q that cannot be read counts as 0.

    A longer header is read up to MAX_LENGTH.
    """
    found: dict[str, float] = {}
    for part in header[:MAX_LENGTH].lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        given = [p for p in parameters if p.startswith("q")]
        match = _QUALITY.fullmatch(given[0]) if given else None
        if name:
            found[name] = min(float(match[1]), 1.0) if match else 0.0 if given else 1.0
    return found


def weight_of(header: Mapping[str, float], name: str) -> float:
    """The q of a coding or media type; the most exact name counts; 0 without any."""
    ranges = (name, f"{name.partition('/')[0]}/*", "*/*", "*")
    return next((header[r] for r in ranges if r in header), 0.0)
