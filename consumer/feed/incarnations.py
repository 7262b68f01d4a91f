"""Kafka's own id of a topic, which tells a topic that was made anew from the one before.

A topic of the same name may hold as many messages as were read of the old one: no offset tells.
KIP-516 gave each topic an id, and version 10 of the metadata request returns it; aiokafka speaks
version 5. The layouts are those of Apache Kafka's MetadataRequest.json and MetadataResponse.json.
"""

from collections.abc import Collection
from io import BytesIO
from typing import Any, Final
from uuid import UUID

from aiokafka import AIOKafkaClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

_METADATA: Final = 3
_VERSION: Final = 10


class _Uuid(AbstractType):  # type: ignore[misc] # aiokafka is untyped
    """Sixteen bytes, the most significant first."""

    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


_TEXT: Final = CompactString("utf-8")
_TAGS: Final = ("tags", TaggedFields)


class _Answer(Response):  # type: ignore[misc] # aiokafka is untyped
    API_KEY = _METADATA
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), _TAGS
            ),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        _TAGS,
                    ),
                ),
                ("authorized_operations", Int32),
                _TAGS,
            ),
        ),
        ("authorized_operations", Int32),
        _TAGS,
    )


class _Question(RequestStruct):  # type: ignore[misc] # aiokafka is untyped
    FLEXIBLE_VERSION = True
    API_KEY = _METADATA
    API_VERSION = _VERSION
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", _TEXT), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _TAGS,
    )


class _Metadata(Request[_Question]):  # type: ignore[misc] # aiokafka is untyped
    API_KEY = _METADATA

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_Question]) -> _Question:
        unnamed = UUID(int=0)
        topics: list[Any] = [(unnamed, topic, {}) for topic in self._topics]
        return request_struct_class(topics, False, False, False, {})


async def read_topic_ids(bootstrap_servers: str, topics: Collection[str]) -> dict[str, UUID]:
    """The id of each of the topics that exists; none from a broker before Kafka 2.8.

    Raises KafkaError or OSError where no broker answers.
    """
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers, client_id="mars-topic-ids")
    try:
        await client.bootstrap()
        answer: Any = await client.send(client.get_random_node(), _Metadata(topics))
    except NotImplementedError:
        # Raised by aiokafka where broker and request have no version in common.
        return {}
    finally:
        await client.close()
    found = answer.to_object()["topics"]
    return {t["topic"]: t["topic_id"] for t in found if t["error_code"] == 0 and t["topic_id"].int}
