"""The object store: bundles put whole, byte ranges read. The only importer of aioboto3."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import aioboto3
from aiobotocore.config import AioConfig
from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError

from archive.errors import ObjectMissing, StoreUnavailable
from archive.settings import ArchiveSettings

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import GetObjectOutputTypeDef

Bytes = bytes | memoryview
"""Some bytes of a long answer or object; a memoryview where they lie in another's memory."""
CHUNK: Final = 64 * 1024
PART: Final = 8 * 2**20
"""Bytes of a part of a large object; S3 wants 5 MiB at least of all but the last."""
COMPLETE_S: Final = 600.0
"""A store may put the parts of an object together for minutes before it answers: Amazon's says so
of CompleteMultipartUpload, and one on a slow disk copies every byte."""
RESUMES: Final = 100
"""Times that a stream goes on after the store has closed its connection."""
MEAGRE: Final = 3
"""How many of those connections may have brought less than a chunk. A store that breaks each body
off in its middle brings half of what is left each time, and would hold an answer for 15 of them."""
_MISSING: Final = frozenset({"NoSuchKey", "404", "InvalidRange"})
_FAILURES: Final = (BotoCoreError, ClientError, HttpError, OSError, TimeoutError)
_CLOSED: Final = (StoreUnavailable, BotoCoreError, HttpError, OSError)


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

        A store does not wait for ever for a slow reader: where it closes the connection, the stream
        goes on from there by another, as long as the object is the same and each brings some bytes.

        A reader that goes away closes the generator and with it the body: an unread body would
        keep its connection out of the pool for ever.
        """
        got, left, meagre = 0, RESUMES, MEAGRE
        condition: dict[str, str] = {}
        try:
            while got < length:
                span = f"bytes={offset + got}-{offset + length - 1}"
                answer = await self._open(key, Range=span, **condition)
                condition, body, had = {"IfMatch": answer["ETag"]}, answer["Body"], got
                async with body:
                    if answer["ContentLength"] != length - got:
                        raise StoreUnavailable(
                            f"get {key}: {answer['ContentLength']} bytes, not {length - got}"
                        )
                    try:
                        while got < length:
                            chunk = await self._chunk(key, body, got, length)
                            got += len(chunk)
                            yield chunk
                    except _CLOSED as error:
                        left -= 1
                        if got - had < CHUNK:
                            meagre -= 1
                        # Who waits for a store that does not answer should hear so soon.
                        is_over = left < 0 or meagre < 0 or got == had
                        if is_over or isinstance(error, TimeoutError):
                            raise
        except _FAILURES as error:
            raise _translated("get", key, error) from error

    async def get_whole(self, key: str, most: int) -> tuple[int, bytes]:
        """How many bytes an object has, whatever it should have, and the first `most` of them.

        Raises as `get` does.
        """
        data = bytearray()
        try:
            answer = await self._open(key)
            size, body = answer["ContentLength"], answer["Body"]
            async with body:
                while len(data) < min(size, most):
                    data += await self._chunk(key, body, len(data), min(size, most))
        except _FAILURES as error:
            raise _translated("get", key, error) from error
        return size, bytes(data)

    async def _open(self, key: str, **more: Any) -> "GetObjectOutputTypeDef":
        async with asyncio.timeout(self._timeout_s):
            return await self._client.get_object(Bucket=self._bucket, Key=key, **more)

    async def _chunk(self, key: str, body: Any, got: int, length: int) -> bytes:
        async with asyncio.timeout(self._timeout_s):
            chunk: bytes = await body.read(min(CHUNK, length - got))
        if not chunk:
            raise StoreUnavailable(f"get {key}: {got} of {length} bytes came")
        return chunk

    async def put_stream(self, key: str, pieces: AsyncIterator[Bytes]) -> int:
        """Store an object of unknown size, in parts; returns its size. Raises StoreUnavailable.

        Until the last part is there the key holds what it held before, whatever happens.
        """
        upload, waiting, size = None, bytearray(), 0
        parts: list[dict[str, Any]] = []
        place: dict[str, Any] = {"Bucket": self._bucket, "Key": key}
        try:
            upload = await self._bounded(self._client.create_multipart_upload(**place))
            place["UploadId"] = upload["UploadId"]
            async for piece in pieces:
                waiting += piece
                size += len(piece)
                if len(waiting) >= PART:
                    parts.append(await self._put_part(place, len(parts) + 1, bytes(waiting)))
                    waiting.clear()
            if waiting or not parts:
                parts.append(await self._put_part(place, len(parts) + 1, bytes(waiting)))
            place["MultipartUpload"] = {"Parts": parts}
            async with asyncio.timeout(COMPLETE_S):
                await self._client.complete_multipart_upload(**place)
        except BaseException as error:
            if upload is not None:
                place.pop("MultipartUpload", None)
                with suppress(*_FAILURES):
                    await self._bounded(self._client.abort_multipart_upload(**place))
            if isinstance(error, _FAILURES):
                raise _translated("put", key, error) from error
            raise
        return size

    async def _put_part(self, place: Any, number: int, data: bytes) -> dict[str, Any]:
        call = self._client.upload_part(**place, PartNumber=number, Body=data)
        return {"PartNumber": number, "ETag": (await self._bounded(call))["ETag"]}

    async def _bounded(self, call: Awaitable[Any]) -> Any:
        async with asyncio.timeout(self._timeout_s):
            return await call

    async def keys(self, prefix: str) -> list[tuple[str, datetime]]:
        """The objects whose keys begin so, with the time of their last put; for some thousands.

        Raises StoreUnavailable.
        """
        return [one async for page in self.pages(prefix) for one in page]

    async def pages(self, prefix: str) -> AsyncIterator[list[tuple[str, datetime]]]:
        """The same, a thousand at a time, for any number. Raises StoreUnavailable."""
        try:
            paginator = self._client.get_paginator("list_objects_v2")
            pages = aiter(paginator.paginate(Bucket=self._bucket, Prefix=prefix))
            while (page := await self._bounded(anext(pages, None))) is not None:
                yield [(held["Key"], held["LastModified"]) for held in page.get("Contents", [])]
        except _FAILURES as error:
            raise _translated("list", prefix, error) from error

    async def delete(self, key: str) -> None:
        """Delete an object; none of that key is as good. Raises StoreUnavailable."""
        try:
            await self._bounded(self._client.delete_object(Bucket=self._bucket, Key=key))
        except _FAILURES as error:
            raise _translated("delete", key, error) from error

    async def uploads(self, prefix: str) -> list[tuple[str, str]]:
        """Key and id of each put_stream that has not ended, or never will.

        Raises StoreUnavailable.
        """
        call = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=prefix)
        try:
            listed = (await self._bounded(call)).get("Uploads", [])
        except _FAILURES as error:
            raise _translated("list uploads", prefix, error) from error
        return [(one["Key"], one["UploadId"]) for one in listed]

    async def drop_upload(self, key: str, upload: str) -> None:
        """Forget the parts of one. Raises StoreUnavailable."""
        place: Any = {"Bucket": self._bucket, "Key": key, "UploadId": upload}
        try:
            await self._bounded(self._client.abort_multipart_upload(**place))
        except _FAILURES as error:
            raise _translated("drop upload", key, error) from error

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


@cache
def _session() -> aioboto3.Session:
    """One for the process: each reads botocore's description of S3, for half a second."""
    return aioboto3.Session()


@asynccontextmanager
async def open_store(settings: ArchiveSettings) -> AsyncIterator[ObjectStore]:
    """The process's one client, closed at the end."""
    endpoint = settings.s3_endpoint_url
    config = AioConfig(
        connect_timeout=5,
        # Of the longest call; each of the others has its own bound.
        read_timeout=COMPLETE_S,
        max_pool_connections=64,
        # Counts repetitions, not tries. The callers retry too, with the batch in hand.
        retries={"max_attempts": 1, "mode": "standard"},
        # Newer default checksums break S3-compatible servers; a bundle's sha256 is in its row.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        # To hash megabytes again for the signature is a third of a put; TLS or loopback guards.
        s3={"addressing_style": "path", "payload_signing_enabled": False},
    )
    async with _session().client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=settings.s3_access_key_id.get_secret_value() or None,
        aws_secret_access_key=settings.s3_secret_access_key.get_secret_value() or None,
        region_name=settings.s3_region,
        config=config,
        # Where nothing is encrypted no certificates need be read.
        verify=False if endpoint and endpoint.startswith("http:") else None,
    ) as client:
        yield ObjectStore(client, settings.s3_bucket, settings.s3_timeout_s)
