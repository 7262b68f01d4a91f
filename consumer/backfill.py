"""Files of packets -> the same batches as the stream's, path by path.

Everything is read again each time and known packets are counted as duplicates (0.2 ms each), so a
backfill can be stopped anywhere and run again.
"""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tqdm import tqdm

from consumer.files import Advance, Remark, read, size_of
from consumer.ingest import Archive, Batch, ingest_each
from consumer.names import name_of, plain, printable
from consumer.settings import Settings
from consumer.sorting import Raw
from consumer.topics import night_of

log = logging.getLogger(__name__)

OUTCOMES = ("received", "stored", "duplicate", "private", "rejected")


@dataclass
class Account:
    """What came of a path."""

    path: str
    counts: Counter[str] = field(default_factory=Counter)
    remarks: list[Remark] = field(default_factory=list)
    ended: bool = False
    """Nothing of it is left to read: it was not stopped."""

    @property
    def whole(self) -> bool:
        """Whether all of it was read."""
        return self.ended and not any(remark.fault for remark in self.remarks)

    def __str__(self) -> str:
        told = [said(self.counts)] if self.counts["received"] else []
        faults = [self._worded(remark) for remark in self.remarks if remark.fault]
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            told.append(f"{'not whole' if told else 'not read'}: {faults[0]}{more}")
        elif not told:
            told = [self._worded(remark) for remark in self.remarks]
        if not self.ended:
            told.append("stopped, run it again for the rest")
        return f"{printable(self.path)}: {'; '.join(told)}"

    def _worded(self, remark: Remark) -> str:
        place = "" if remark.place == self.path else f"{remark.place}: "
        return printable(place + remark.text)


async def backfill(
    archive: Archive, settings: Settings, paths: Sequence[str], stop: asyncio.Event
) -> list[Account]:
    """Take in all of `paths`, and say on standard error what could not be read, and why.

    Whatever is wrong with one path, the others are read. `stop` ends it after a batch.
    """
    accounts = [Account(path) for path in paths]
    sizes = [size_of(path) for path in paths]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    bar: tqdm[Any]
    with tqdm(total=total, unit="B", unit_scale=True, disable=None) as bar:
        for account in accounts:
            batches = _until(stop, account, settings, bar)
            async with aclosing(ingest_each(archive, "backfill", batches)) as taken:
                async for _, outcome in taken:
                    account.counts.update(outcome.counts)
                    for name, reason in outcome.rejects:
                        log.warning("rejected", extra={"packet": name, "reason": reason})
                    bar.set_postfix(total_of(accounts), refresh=False)
    return accounts


def total_of(accounts: Sequence[Account]) -> Counter[str]:
    """Packets by outcome, of all paths."""
    return sum((account.counts for account in accounts), Counter[str]())


def said(counts: Counter[str]) -> str:
    """Packets by outcome, in words."""
    return ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES)


def summary(accounts: Sequence[Account]) -> str:
    """A line for each path and, of several, one for all."""
    lines = [str(account) for account in accounts]
    if len(accounts) > 1:
        broken = sum(not account.whole for account in accounts)
        lines.append(f"{len(accounts)} paths, {broken} not whole: {said(total_of(accounts))}")
    return "\n".join(lines)


async def _until(
    stop: asyncio.Event, account: Account, settings: Settings, bar: "tqdm[Any]"
) -> AsyncIterator[Batch]:
    """The batches of a path, each read and unzipped in a thread, until `stop` is set."""

    def note(remark: Remark) -> None:
        account.remarks.append(remark)
        bar.write(printable(f"backfill: {remark.place}: {remark.text}"), file=sys.stderr)

    batches = _batches(account.path, settings, bar.update, note)
    while not stop.is_set():
        messages = await asyncio.to_thread(next, batches, None)
        if messages is None:
            account.ended = True
            return
        yield Batch(messages)


def _batches(
    path: str, settings: Settings, advance: Advance, note: Callable[[Remark], None]
) -> Iterator[list[Raw]]:
    name = name_of(path)
    source, night = plain(name), night_of(name, datetime.now(UTC))
    batch: list[Raw] = []
    size = position = 0
    for item in read(path, advance):
        if isinstance(item, Remark):
            note(item)
            continue
        batch.append(Raw(source, 0, position, plain(item.name), night, item.data))
        position += 1
        size += len(item.data)
        if len(batch) >= settings.batch_messages or size >= settings.batch_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
