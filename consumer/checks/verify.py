"""Read the whole archive back and hold it against itself: for doubters, and after a restore."""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from sqlalchemy import Executable, Row, Select, func, literal, select
from tqdm import tqdm

from archive.database import is_passing
from archive.errors import ObjectMissing, StoreUnavailable
from archive.survey import Survey
from archive.surveys import SURVEYS
from archive.tables import bundle, conflict, counter, reject
from consumer.batches.ingest import Archive
from consumer.checks.agreement import CHECKS
from consumer.checks.placing import damage_of, misplaced, parts_of

log = logging.getLogger(__name__)

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""How long a server that is away is waited for, before it is said that nothing can be said."""
MOST_SILENT: Final = 10
"""After so many bundles in a row without an answer the others are not asked for."""
MOST_LISTED: Final = 100_000
"""Faults of one kind among the rows that are listed."""
PAGE: Final = 100
PROGRESS_S: Final = 60.0
_ASIDE: Final = ("rejects", "conflicts")
"""The prefixes of what is kept aside, of whichever survey."""
T = TypeVar("T")
Say = Callable[[str], object]
Rows = Sequence[Row[Any]]
Pauses = Sequence[float]


class Verdict(NamedTuple):
    """What was found."""

    checked: Counter[str]
    """What was looked at, by kind."""
    faults: list[str]
    unknown: list[str]
    """What could not be looked at, and why."""
    left: int
    """Objects of no bundle: a crash left them, or they are being put just now. No fault."""

    @property
    def status(self) -> int:
        """The exit status: 0 sound, 1 faults, 3 none as far as could be looked."""
        return 1 if self.faults else 3 if self.unknown else 0

    def __str__(self) -> str:
        kinds = dict.fromkeys(("bundles", "alerts", *sorted(self.checked)))
        lines = [f"checked {', '.join(f'{self.checked[kind]} {kind}' for kind in kinds)}"]
        if self.left:
            lines.append(f"{self.left} objects of no bundle, left by a crash or just being put")
        if self.unknown:
            lines.append(f"{len(self.unknown)} things could not be looked at: run it again")
        where = " in what was looked at" if self.unknown else ""
        lines.append(f"{len(self.faults) or 'no'} fault{'s' * (len(self.faults) > 1)}{where}")
        return "\n".join(lines)


async def verify(
    archive: Archive, say: Say = lambda _: None, surveys: Sequence[Survey] = SURVEYS
) -> Verdict:
    """Look for every fault, and say each as it is found.

    The rows agree with each other (agreement.py); each bundle is there, as long as its row says,
    and has its SHA-256; the range of each alert decodes to its id and payload, its stamps are
    those of its packet; the bytes of each reject and conflict have its SHA-256. One bundle at a
    time is in memory. A server that is away is waited for; then what it holds is unknown, not
    faulty. Raises what the database raises where it stays away.
    """
    verdict = Verdict(Counter(), _Said(say, "fault"), _Said(say, "cannot say"), 0)
    ((as_of,),) = await _rows(archive, select(counter.c.batch))
    for check in CHECKS:
        rows = await _rows(archive, check.statement(surveys, as_of).limit(MOST_LISTED))
        verdict.faults.extend(check.text.format_map(row._mapping) for row in rows)
    await _check_bundles(archive, surveys, as_of, verdict)
    prefixes = (*(survey.name for survey in surveys), *_ASIDE)
    return verdict._replace(left=await _count_left(archive, prefixes, verdict))


class _Said(list[str]):
    """A list whose entries are said when they come."""

    def __init__(self, say: Say, what: str) -> None:
        super().__init__()
        self._say = say
        self._what = what

    def append(self, text: str) -> None:
        self._say(f"{self._what}: {text}")
        super().append(text)

    def extend(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.append(text)


async def _check_bundles(
    archive: Archive, surveys: Sequence[Survey], as_of: int, verdict: Verdict
) -> None:
    ours = bundle.c.batch <= as_of
    sums = select(func.count().label("n"), func.sum(bundle.c.size).label("size")).where(ours)
    (all_,) = await _rows(archive, sums)
    silent, seen, told = 0, 0, time.monotonic()
    with tqdm(total=int(all_.size or 0), unit="B", unit_scale=True, disable=None) as bar:
        async for held in _bundles(archive, surveys, as_of):
            # Once it was waited for in vain, the next is asked for without a wait.
            pauses = () if silent else PAUSES_S
            answered = await _check_bundle(archive, held, verdict, pauses)
            silent = 0 if answered else silent + 1
            seen += 1
            bar.update(held.put.size)
            if time.monotonic() - told > PROGRESS_S:
                log.info("verifying", extra={"bundles": seen, "of": all_.n})
                told = time.monotonic()
            if silent == MOST_SILENT and seen < all_.n:
                verdict.unknown.append(f"{all_.n - seen} more bundles: the store does not answer")
                return


class _Held(NamedTuple):
    """A bundle's row, and the rows that point to it."""

    put: Row[Any]
    survey: Survey | None
    """None where it holds what is kept aside."""
    alerts: Rows
    aside: Rows
    """Rejects and conflicts."""


async def _bundles(archive: Archive, surveys: Sequence[Survey], as_of: int) -> AsyncIterator[_Held]:
    """Each bundle in its order; whose it is its key tells."""
    elsewhere = {row.id for s in surveys for row in await _rows(archive, _of_other_batches(s))}
    by_name = {survey.name: survey for survey in surveys}
    after = 0
    while True:
        ours = (bundle.c.id > after) & (bundle.c.batch <= as_of)
        page = await _rows(archive, select(bundle).where(ours).order_by(bundle.c.id).limit(PAGE))
        if not page:
            return
        after = page[-1].id
        aside = await _aside(archive, [put.id for put in page])
        for put in page:
            survey = by_name.get(put.key.partition("/")[0])
            alerts: Rows = []
            if survey is not None:
                wanted = _alerts_in(survey, put, of_its_batch=put.id not in elsewhere)
                alerts = await _rows(archive, wanted)
            yield _Held(put, survey, alerts, aside[put.id])


def _of_other_batches(survey: Survey) -> Select[Any]:
    """The bundles that hold alerts of another batch than their own."""
    c = survey.alert.c
    joined = select(bundle.c.id).join(survey.alert, c.bundle == bundle.c.id)
    return joined.where(c.batch != bundle.c.batch).distinct()


def _alerts_in(survey: Survey, put: Row[Any], of_its_batch: bool) -> Select[Any]:
    """The alerts in a bundle: id, payload_hash, and the ranges of bytes."""
    c = survey.alert.c
    ranges = (c[f"{part}_{end}"] for part in parts_of(survey) for end in ("offset", "length"))
    wanted = select(c[survey.key].label("id"), c.payload_hash, *ranges).where(c.bundle == put.id)
    # There is an index on the batch, and none on the bundle.
    return wanted.where(c.batch == put.batch) if of_its_batch else wanted


async def _aside(archive: Archive, bundles: Sequence[int]) -> Mapping[int, Rows]:
    """The rejects and conflicts in some bundles."""
    rows: dict[int, list[Row[Any]]] = defaultdict(list)
    for table in (reject, conflict):
        c = table.c
        columns = (c.source, c.partition, c.position, c.sha256, c.packet_offset, c.packet_length)
        kind = literal(table.name).label("kind")
        found = select(kind, c.bundle, *columns).where(c.bundle.in_(bundles))
        for row in await _rows(archive, found):
            rows[row.bundle].append(row)
    return rows


async def _check_bundle(archive: Archive, held: _Held, verdict: Verdict, pauses: Pauses) -> bool:
    """Check a bundle and what is in it; False where the store does not give it."""
    put, survey, alerts, aside = held
    name, holds = f"bundle {put.id}, {put.key}", len(alerts) + len(aside)
    try:
        size, data = await _patiently(lambda: archive.store.get_whole(put.key, put.size), pauses)
    except ObjectMissing:
        verdict.faults.append(f"{name}: missing, and with it {holds} packets")
        return True
    except StoreUnavailable as error:
        verdict.unknown.append(f"{name}: {error}")
        return False
    verdict.checked.update(["bundles", *(f"{row.kind}s" for row in aside)])
    verdict.checked["alerts"] += len(alerts)
    wrong = list(misplaced(survey, alerts, aside, data))
    damage = damage_of(put, size, data)
    if damage is None:
        verdict.faults.extend(f"{whose}: {what}" for whose, what in wrong)
    else:
        lost = len({whose for whose, _ in wrong})
        verdict.faults.append(f"{name}: {damage}; of its {holds} packets at least {lost} are lost")
    return True


async def _count_left(archive: Archive, prefixes: Sequence[str], verdict: Verdict) -> int:
    """How many objects no bundle speaks of."""
    left = 0
    try:
        for prefix in prefixes:
            async for page in archive.store.pages(f"{prefix}/"):
                keys = {key for key, _ in page}
                known = select(bundle.c.key).where(bundle.c.key.in_(keys))
                left += len(keys) - len(await _rows(archive, known))
    except StoreUnavailable as error:
        verdict.unknown.append(f"objects without a bundle: {error}")
    return left


async def _rows(archive: Archive, statement: Executable) -> Rows:
    """The rows of a statement that sees one moment; no connection is held between two."""

    async def ask() -> Rows:
        async with archive.engine.connect() as connection:
            rows: Rows = (await connection.execute(statement)).all()
            return rows

    return await _patiently(ask, PAUSES_S)


async def _patiently(ask: Callable[[], Awaitable[T]], pauses: Pauses) -> T:
    """Ask again after each pause while a server is away; raises what the last asking raises."""
    for pause in pauses:
        try:
            return await ask()
        except ObjectMissing:
            raise
        except Exception as error:
            if not isinstance(error, StoreUnavailable) and not is_passing(error):
                raise
            log.warning("asked again", extra={"error": str(error), "pause_s": pause})
            await asyncio.sleep(pause)
    return await ask()
