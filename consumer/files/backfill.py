"""Files of packets -> the same batches as the stream's, path by path.

Everything is read again each time and known packets are counted as duplicates (0.2 ms each), so a
backfill can be stopped anywhere and run again.
"""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tqdm import tqdm

from consumer.batches.ingest import Archive, Batch, Outcome, ingest_each
from consumer.batches.sorting import Raw
from consumer.files.names import name_of, plain, printable
from consumer.files.reading import Advance, Remark, read, size_of
from consumer.files.workers import ingest_by
from consumer.settings import Settings
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
    archive: Archive,
    settings: Settings,
    paths: Sequence[str],
    stop: asyncio.Event,
    workers: int = 1,
) -> list[Account]:
    """Take in all of `paths`, and say on standard error what could not be read, and why.

    Whatever is wrong with one path, the others are read. `stop` ends it after the batches that are
    under way. One worker is this process.
    """
    accounts = [Account(path) for path in paths]
    sizes = [size_of(path) for path in paths]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    bar: tqdm[Any]
    with tqdm(total=total, unit="B", unit_scale=True, disable=None) as bar:
        told = _Told(accounts, bar)
        async with aclosing(_until(stop, told, settings)) as batches:
            if workers > 1:
                await ingest_by(workers, batches, told.tell)
            else:
                async with aclosing(ingest_each(archive, "backfill", batches)) as taken:
                    async for batch, outcome in taken:
                        told.tell(batch, outcome)
    return accounts


class _Told:
    """Whose batches are under way, and what came of them."""

    def __init__(self, accounts: Sequence[Account], bar: "tqdm[Any]") -> None:
        self.accounts = accounts
        self.bar = bar
        self._owners: dict[int, tuple[Batch, Account]] = {}
        """By id of the batch."""

    def give(self, account: Account, batch: Batch) -> None:
        self._owners[id(batch)] = (batch, account)

    def note(self, account: Account, remark: Remark) -> None:
        account.remarks.append(remark)
        self.bar.write(printable(f"backfill: {remark.place}: {remark.text}"), file=sys.stderr)

    def tell(self, batch: Batch, outcome: Outcome | None) -> None:
        _, account = self._owners.pop(id(batch))
        if outcome is None:
            lost = f"{len(batch.messages)} files were not taken in, a process died; run it again"
            self.note(account, Remark(account.path, lost, True))
            return
        account.counts.update(outcome.counts)
        for name, reason in outcome.rejects:
            log.warning("rejected", extra={"packet": name, "reason": reason})
        self.bar.set_postfix(total_of(self.accounts), refresh=False)


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


async def _until(stop: asyncio.Event, told: _Told, settings: Settings) -> AsyncGenerator[Batch]:
    """The batches of all paths, each read and unzipped in a thread, until `stop` is set."""
    for account in told.accounts:
        batches = _batches(account.path, settings, told.bar.update, partial(told.note, account))
        while not account.ended:
            if stop.is_set():
                return
            messages = await asyncio.to_thread(next, batches, None)
            if messages is None:
                account.ended = True
            else:
                batch = Batch(messages)
                told.give(account, batch)
                yield batch


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
