"""Webhooks in the database: app.webhook, one for a watch at most."""

import base64
import secrets
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import schema
from app.delivery.models import WebhookStatus
from app.delivery.targets import Target
from app.errors import NotFound, TooMany

AT_ONCE: Final = 100
"""Alerts in one message at most."""
LEASE: Final = timedelta(seconds=30)
"""Longer than a try takes: a process that has said nothing for so long was killed."""
PREFIX: Final = "whsec_"
_LOCK: Final = 7_062_021
_UNKNOWN: Final = "this watch has no webhook: PUT one"
_webhook: Final = schema.webhook
_hit: Final = schema.hit
_ANEW: Final[dict[str, Any]] = {
    "status": WebhookStatus.UNCONFIRMED,
    "reach": None,
    "tries": 0,
    "tried": None,
    "outcome": None,
    "due": func.now(),
    "created": func.now(),
}
"""What a webhook that is replaced begins with."""


class Webhooks:
    """The webhooks of this archive; works as mars_app."""

    def __init__(self, engine: AsyncEngine, per_host: int) -> None:
        self._engine, self._per_host = engine, per_host

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
        put = made.on_conflict_do_update(index_elements=["watch"], set_=_ANEW | told | begun)
        async with self._engine.begin() as connection:
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

    async def find(self, watch: str) -> Row[Any] | None:
        """The webhook of a watch, if it has one."""
        async with self._engine.connect() as connection:
            found = await connection.execute(select(_webhook).where(_webhook.c.watch == watch))
            row: Row[Any] | None = found.one_or_none()
        return row

    async def get(self, watch: str) -> Row[Any]:
        """The webhook of a watch. Raises NotFound."""
        if (row := await self.find(watch)) is None:
            raise NotFound(_UNKNOWN)
        return row

    async def remove(self, watch: str) -> None:
        """Delete the webhook of a watch. Raises NotFound."""
        async with self._engine.begin() as connection:
            gone = await connection.execute(delete(_webhook).where(_webhook.c.watch == watch))
        if not gone.rowcount:
            raise NotFound(_UNKNOWN)

    async def claim(self) -> Row[Any] | None:
        """The webhook that has waited longest for its next try, which is then the caller's.

        How far its message goes is noted before anyone sends it: whoever tries it again sends the
        same. Nobody else gets the webhook before LEASE has passed.
        """
        fresh = select(_hit.c.lco_id).where(
            _hit.c.watch == _webhook.c.watch, _hit.c.lco_id > _webhook.c.cursor
        )
        unconfirmed = _webhook.c.status == WebhookStatus.UNCONFIRMED
        waiting = (
            select(_webhook.c.watch)
            .where(_webhook.c.status != WebhookStatus.ENDED, _webhook.c.due <= func.now())
            .where(or_(unconfirmed, _webhook.c.reach.is_not(None), fresh.exists()))
            .order_by(_webhook.c.due)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        some = fresh.order_by(_hit.c.lco_id).limit(AT_ONCE).correlate(_webhook).subquery()
        reach = select(func.max(some.c.lco_id)).scalar_subquery()
        taken = update(_webhook).where(_webhook.c.watch == waiting.scalar_subquery())
        noted = {"due": func.now() + LEASE, "reach": func.coalesce(_webhook.c.reach, reach)}
        async with self._engine.begin() as connection:
            found = await connection.execute(taken.values(noted).returning(_webhook))
            row: Row[Any] | None = found.one_or_none()
        return row

    async def hits_of(self, row: Row[Any]) -> dict[int, datetime]:
        """The numbers of the alerts that a claimed webhook's message holds, and when found."""
        held = select(_hit.c.lco_id, _hit.c.found).where(
            _hit.c.watch == row.watch, _hit.c.lco_id > row.cursor, _hit.c.lco_id <= row.reach
        )
        async with self._engine.connect() as connection:
            found = await connection.execute(held.order_by(_hit.c.lco_id))
            return {one.lco_id: one.found for one in found}

    async def settle(self, row: Row[Any], **told: Any) -> bool:
        """Note what came of a try; False if the webhook was changed or taken meanwhile."""
        mine = (_webhook.c.watch == row.watch, _webhook.c.due == row.due)
        async with self._engine.begin() as connection:
            noted = await connection.execute(update(_webhook).where(*mine).values(told))
        return bool(noted.rowcount)
