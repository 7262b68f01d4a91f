"""The object store: bundles put whole, byte ranges read. The only importer of aioboto3."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import aioboto3
from aiobotocore.config import AioConfig
from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError

from archive.errors import ObjectMissing, StoreUnavailable
from archive.settings import ArchiveSettings

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import GetObjectOutputTypeDef

CHUNK: Final = 64 * 1024
_MISSING: Final = frozenset({"NoSuchKey", "404", "InvalidRange"})
_FAILURES: Final = (BotoCoreError, ClientError, HttpError, OSError, TimeoutError)


class ObjectStore:
    """One bucket through one client, shared by the whole process; get one from `open_store`."""

    def __init__(self, client: "S3Client", bucket: str, timeout_s: float) -> None:
        self._client = client
        self._bucket = bucket
        self._timeout_s = timeout_s

    async def put(self, key: str, data: bytes) -> None:
        """Store an object; the same key is overwritten. Raises StoreUnavailable."""
        try:
            # botocore's read_timeout does not bound a put that the server never answers.
            async with asyncio.timeout(self._timeout_s):
                await self._client.put_object(Bucket=self._bucket, Key=key, Body=data)
        except _FAILURES as error:
            raise _translated("put", key, error) from error

    async def get(self, key: str, offset: int, length: int) -> bytes:
        """Bytes `offset` to `offset + length` of an object.

        Raises ObjectMissing, or StoreUnavailable, also where the answer is short.
        """
        return b"".join([chunk async for chunk in self.stream(key, offset, length)])

    async def stream(self, key: str, offset: int, length: int) -> AsyncIterator[bytes]:
        """The same bytes as they arrive, in chunks of up to 64 kB. Raises as `get` does.

        A reader that goes away closes the generator and with it the body: an unread body would
        keep its connection out of the pool for ever.
        """
        got = 0
        try:
            answer = await self._open(key, offset, length)
            body = answer["Body"]
            async with body:
                if answer["ContentLength"] != length:
                    raise StoreUnavailable(
                        f"get {key}: {answer['ContentLength']} bytes, not {length}"
                    )
                while got < length:
                    async with asyncio.timeout(self._timeout_s):
                        chunk = await body.read(min(CHUNK, length - got))
                    if not chunk:
                        raise StoreUnavailable(f"get {key}: {got} of {length} bytes came")
                    got += len(chunk)
                    yield chunk
        except _FAILURES as error:
            raise _translated("get", key, error) from error

    async def _open(self, key: str, offset: int, length: int) -> "GetObjectOutputTypeDef":
        byte_range = f"bytes={offset}-{offset + length - 1}"
        async with asyncio.timeout(self._timeout_s):
            return await self._client.get_object(Bucket=self._bucket, Key=key, Range=byte_range)

    async def ping(self) -> None:
        """Return if the bucket answers, else raise StoreUnavailable."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._client.head_bucket(Bucket=self._bucket)
        except _FAILURES as error:
            raise _translated("head", self._bucket, error) from error


def _translated(verb: str, key: str, error: Exception) -> StoreUnavailable:
    code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
    kind = ObjectMissing if verb == "get" and code in _MISSING else StoreUnavailable
    return kind(f"{verb} {key}: {type(error).__name__}: {error}")


@asynccontextmanager
async def open_store(settings: ArchiveSettings) -> AsyncIterator[ObjectStore]:
    """The process's one client, closed at the end."""
    session = aioboto3.Session(
        aws_access_key_id=settings.s3_access_key_id.get_secret_value() or None,
        aws_secret_access_key=settings.s3_secret_access_key.get_secret_value() or None,
        region_name=settings.s3_region,
    )
    config = AioConfig(
        connect_timeout=5,
        read_timeout=settings.s3_timeout_s,
        max_pool_connections=64,
        # Counts repetitions, not tries. The callers retry too, with the batch in hand.
        retries={"max_attempts": 1, "mode": "standard"},
        # Newer default checksums break S3-compatible servers; a bundle's sha256 is in its row.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # To hash megabytes again for the signature is a third of a put; TLS or loopback guards.
        s3={"addressing_style": "path", "payload_signing_enabled": False},
    )
    async with session.client("s3", endpoint_url=settings.s3_endpoint_url, config=config) as client:
        yield ObjectStore(client, settings.s3_bucket, settings.s3_timeout_s)
