"""A consumer that was killed is still a member of its group until its session is over."""

import logging
from typing import Final

from aiokafka import AIOKafkaClient
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.group import LeaveGroupRequest

log = logging.getLogger(__name__)

CLIENT: Final = "mars"
"""What our consumers call themselves, before the name of their instance."""


def client_id_of(instance: str) -> str:
    """The name by which Kafka knows a consumer, in lists of members too."""
    return f"{CLIENT}-{instance}" if instance else CLIENT


async def dismiss(bootstrap_servers: str, group: str, instance: str) -> None:
    """Take whoever has the name of an instance out of a group, so that nobody waits for it.

    Not by static membership (KIP-345): a static member that comes back is given the partitions that
    it had, and none of a topic that is new since. Raises KafkaError or OSError.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, client_id=CLIENT)
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers, client_id=CLIENT)
    try:
        await admin.start()
        await client.bootstrap()
        coordinator = await admin.find_coordinator(group)
        (told,) = await admin.describe_consumer_groups([group], coordinator)
        for member in told.to_object()["groups"][0]["members"]:
            if member["client_id"] == client_id_of(instance):
                await client.send(coordinator, LeaveGroupRequest(group, member["member_id"]))
                log.info("dismissed", extra={"member": member["member_id"]})
    finally:
        await client.close()
        await admin.close()
