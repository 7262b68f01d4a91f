"""Webhooks in the database: app.webhook, one for a watch at most."""

import base64
import secrets
from typing import Any, Final

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import schema
from app.delivery.models import WebhookStatus
from app.delivery.queue import ANEW, Queue
from app.delivery.targets import Target
from app.errors import TooMany

AT_ONCE: Final = 100
"""Alerts in one message at most."""
PREFIX: Final = "whsec_"
_LOCK: Final = 7_062_021
_UNKNOWN: Final = "this watch has no webhook: PUT one"
_webhook: Final = schema.webhook
_BEGUN: Final = ANEW | {"status": WebhookStatus.UNCONFIRMED}


class Webhooks(Queue):
    """The webhooks of this archive."""

    def __init__(self, engine: AsyncEngine, per_host: int) -> None:
        super().__init__(engine, _webhook, AT_ONCE, _UNKNOWN)
        self._per_host = per_host

    async def put(
        self, watch: str, client: str, target: Target, since: int | None
    ) -> tuple[Row[Any], str]:
        """Have a watch's alerts sent to a target; its row, and its signing secret.

        Sent is what comes from now on, or what follows a number. A webhook that was there is
        replaced, and goes on where it was. Raises TooMany.
        """
        secret = PREFIX + base64.b64encode(secrets.token_bytes(24)).decode()
        told = {"client": client, "url": str(target.url), "host": target.host, "secret": secret}
        upto = select(schema.watch.c.upto).where(schema.watch.c.id == watch).scalar_subquery()
        begun = {} if since is None else {"cursor": since}
        made = insert(_webhook).values({"watch": watch, "cursor": upto, **told, **begun})
        put = made.on_conflict_do_update(index_elements=["watch"], set_=_BEGUN | told | begun)
        async with self.engine.begin() as connection:
            await self._check_room(connection, watch, target.host)
            row: Row[Any] = (await connection.execute(put.returning(_webhook))).one()
        return row, secret

    async def _check_room(self, connection: AsyncConnection, watch: str, host: str) -> None:
        # Requests for one host take turns here: two at once could both take the last place.
        await connection.execute(select(func.pg_advisory_xact_lock(_LOCK, func.hashtext(host))))
        others = select(func.count()).where(_webhook.c.host == host, _webhook.c.watch != watch)
        if (await connection.scalar(others) or 0) >= self._per_host:
            raise TooMany(
                f"{self._per_host} webhooks already lead to this host, the most that are allowed"
            )
