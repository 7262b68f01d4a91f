"""One message to one machine: signed, sent once, answered within a bound of time and bytes."""

import asyncio
import ssl
from datetime import datetime
from typing import Final, NamedTuple

import httpx
from standardwebhooks import Webhook as Signer

from app.delivery.targets import Target

MAX_SECONDS: Final = 10.0
"""From the first byte of the connection to the last that is read."""
MAX_ANSWER: Final = 4_096
"""Bytes of an answer that are read, where any are."""
_AGENT: Final = "MARS-Webhooks/1"


class Message(NamedTuple):
    """What is sent: the same bytes under the same id, however often."""

    id: str
    body: bytes


class Answer(NamedTuple):
    """What a receiver answered: its status, and the beginning of its body if that was asked for."""

    status: int
    body: bytes
    later: str
    """Its header Retry-After."""


def trusted_roots() -> ssl.SSLContext:
    """The certificates by which receivers are known."""
    return httpx.create_ssl_context(trust_env=False)


def sign(message: Message, secret: str, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks (https://www.standardwebhooks.com), version 1.

    `secret` is `whsec_` and base64.
    """
    signature = Signer(secret).sign(message.id, now, message.body.decode())
    return {
        "webhook-id": message.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


async def post(
    target: Target,
    address: str,
    message: Message,
    headers: dict[str, str],
    *,
    roots: ssl.SSLContext,
    reads: bool = False,
) -> Answer:
    """Send a message to an address of its target; `reads`: the answer's body is of interest.

    The certificate must be that of the target's host. No redirect is followed, no proxy is asked,
    nothing is decompressed. Raises TimeoutError, or httpx.HTTPError.
    """
    sent = {
        "Host": target.url.netloc.decode(),
        "Content-Type": "application/json",
        "User-Agent": _AGENT,
        "Accept-Encoding": "identity",
        **headers,
    }
    async with (
        asyncio.timeout(MAX_SECONDS),
        # No connection is kept: the next try looks the name up again.
        httpx.AsyncClient(verify=roots, trust_env=False, timeout=MAX_SECONDS) as client,
        client.stream(
            "POST",
            target.url.copy_with(host=address),
            content=message.body,
            headers=sent,
            extensions={"sni_hostname": target.host},
        ) as answer,
    ):
        later = answer.headers.get("retry-after", "")
        return Answer(answer.status_code, await _read(answer) if reads else b"", later)


async def _read(answer: httpx.Response) -> bytes:
    held = b""
    async for piece in answer.aiter_raw(MAX_ANSWER):
        held += piece
        if len(held) >= MAX_ANSWER:
            break
    return held[:MAX_ANSWER]
