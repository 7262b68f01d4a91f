"""Secrets: drawn at random, shown once, kept as a digest."""

import hashlib
import secrets
from typing import Final

PREFIX: Final = "mars_"
"""Of secrets: by it those who scan published files for keys find ours."""
BEARER: Final = "Bearer "


def draw_secret() -> str:
    """A new secret: 192 bits."""
    return PREFIX + secrets.token_urlsafe(24)


def digest_of(secret: str) -> bytes:
    """What is kept of a secret: SHA-256. 192 random bits need no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def bearer_in(authorization: str) -> str | None:
    """The secret in a header `Authorization`; None in one of another scheme, or without."""
    if not authorization.startswith(BEARER):
        return None
    return authorization.removeprefix(BEARER).strip()
