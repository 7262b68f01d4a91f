"""Digests by mail in the database: app.subscription, one for a watch at most.

Nobody is written to who has not agreed, but for the question itself; who was asked, and because of
whom, is kept for a day, so that the question is no weapon either.
"""

import re
import secrets
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, and_, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import schema
from app.delivery.models import SubscriptionStatus
from app.delivery.queue import ANEW, Queue
from app.errors import NotFound, TooMany

MAX_ADDRESS: Final = 254
ADDRESS: Final = r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"
"""Mail addresses in ASCII, as HTML's forms take them: no quotes, no comments, no line breaks."""
MOST: Final = 10_000
LASTS: Final = timedelta(days=2)
"""How long a question may be answered."""
_DAY: Final = timedelta(days=1)
_QUESTIONS: Final = {"address": 3, "client": 10}
_ALL_QUESTIONS: Final = 1_000
"""Questions within a day: to one address, because of one client, and in all."""
_LOCK: Final = 7_062_023
_UNKNOWN: Final = "this watch sends no mail: PUT an address"
_GONE: Final = "no such link; the mail may have been stopped, or the link not followed in time"
_subscription: Final = schema.subscription
_question: Final = schema.mail_question
_UNANSWERED: Final = (SubscriptionStatus.UNCONFIRMED, SubscriptionStatus.ASKED)
_IS_LATE: Final = and_(
    _subscription.c.status.in_(_UNANSWERED), _subscription.c.created < func.now() - LASTS
)
"""Whose question nobody has answered in time."""
_BEGUN: Final = ANEW | {"status": SubscriptionStatus.UNCONFIRMED}


def check_address(text: str) -> str:
    """The mail address in a text. Raises ValueError with the reason."""
    if len(text) > MAX_ADDRESS or not re.fullmatch(ADDRESS, text):
        raise ValueError("must be a mail address such as name@example.org")
    return text


class Subscriptions(Queue):
    """The digests of this archive."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, _subscription, MOST, _UNKNOWN)

    async def put(self, watch: str, client: str, address: str) -> Row[Any]:
        """Ask an address whether it wants a watch's alerts from now on. Raises TooMany."""
        told = {"client": client, "address": address, "key": secrets.token_urlsafe(24)}
        upto = select(schema.watch.c.upto).where(schema.watch.c.id == watch).scalar_subquery()
        made = insert(_subscription).values({"watch": watch, "cursor": upto, **told})
        put = made.on_conflict_do_update(index_elements=["watch"], set_=_BEGUN | told)
        async with self.engine.begin() as connection:
            await self._ask(connection, {"client": client, "address": address.lower()})
            row: Row[Any] = (await connection.execute(put.returning(_subscription))).one()
        return row

    async def _ask(self, connection: AsyncConnection, who: dict[str, str]) -> None:
        """Note a question, if there is room for it."""
        # They are few, and take turns: two at once could both take the last place.
        await connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        lately = _question.c.asked > func.now() - _DAY
        counted = select(func.count()).select_from(_question).where(lately)
        for name, most in _QUESTIONS.items():
            asked = await connection.scalar(counted.where(_question.c[name] == who[name]))
            if (asked or 0) >= most:
                raise TooMany(
                    f"this {name} has had {most} questions within a day, the most allowed"
                )
        if (await connection.scalar(counted) or 0) >= _ALL_QUESTIONS:
            raise TooMany("no more questions are sent today: try again tomorrow")
        await connection.execute(insert(_question).values(who))

    async def by_key(self, key: str) -> Row[Any]:
        """The subscription to which a link in a mail leads. Raises NotFound."""
        query = select(_subscription).where(_subscription.c.key == key, ~_IS_LATE)
        async with self.engine.connect() as connection:
            row: Row[Any] | None = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFound(_GONE)
        return row

    async def confirm(self, key: str) -> None:
        """Send from now on; one that is active already stays as it is."""
        mine = (_subscription.c.key == key, _subscription.c.status.in_(_UNANSWERED), ~_IS_LATE)
        begun = ANEW | {"status": SubscriptionStatus.ACTIVE, "created": _subscription.c.created}
        async with self.engine.begin() as connection:
            await connection.execute(update(_subscription).where(*mine).values(begun))

    async def stop(self, key: str) -> None:
        """Send no more; the link leads nowhere then."""
        async with self.engine.begin() as connection:
            await connection.execute(delete(_subscription).where(_subscription.c.key == key))

    async def sweep(self) -> None:
        """Forget questions that nobody answered, and who was asked before a day."""
        async with self.engine.begin() as connection:
            await connection.execute(delete(_subscription).where(_IS_LATE))
            await connection.execute(delete(_question).where(_question.c.asked < func.now() - _DAY))
