"""Disks that are full for a while: file systems in memory whose size is changed."""

import asyncio
import os
import pwd
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg

from dev import database, postgres
from dev.processes import find
from dev.processes import run as carry_out
from dev.state import State
from faults.run import Run
from faults.servers import start_server, stop_server
from faults.waiting import until

SIZE: Final = "1g"
"""Room for everything; of it nothing is taken before it is used."""


GONE: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What is raised where PostgreSQL stops."""


class Disk(NamedTuple):
    """A file system of its own, which can be made as small as what is in it."""

    place: Path

    async def fill(self) -> None:
        """Leave not a byte."""

        async def filled() -> bool:
            told = os.statvfs(self.place)
            return await self._resize(str((told.f_blocks - told.f_bfree) * told.f_frsize))

        await until(filled, "a disk is full")  # what is written meanwhile makes it larger

    async def empty(self) -> None:
        await self._resize(SIZE)

    async def _resize(self, size: str) -> bool:
        program = ("mount", "-o", f"remount,size={size}", str(self.place))
        resized = await asyncio.create_subprocess_exec(*program, stderr=asyncio.subprocess.DEVNULL)
        return await resized.wait() == 0


@asynccontextmanager
async def small_disk(place: Path, owner: str | None = None) -> AsyncIterator[Disk]:
    """A tmpfs there, which takes root; gone at the end."""
    account = pwd.getpwnam(owner) if owner else pwd.getpwuid(os.geteuid())
    carry_out(["mkdir", "-p", str(place)])
    options = f"size={SIZE},mode=700,uid={account.pw_uid},gid={account.pw_gid}"
    carry_out(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)])
    try:
        yield Disk(place)
    finally:
        carry_out(["umount", "--lazy", str(place)])


def unmount_left(state: State) -> None:
    """Unmount what a suite that was killed has left in the folders of a stack."""
    places = (state.folder, postgres.home(state))
    for line in Path("/proc/mounts").read_text().splitlines():
        kind, place = line.split()[2], Path(line.split()[1])
        if kind == "tmpfs" and any(one in place.parents for one in places):
            carry_out(["umount", "--lazy", str(place)])


async def rows_disk_full(run: Run, times: int) -> None:
    """The disk of the rows: PostgreSQL can extend no table and no index of this archive."""
    place = postgres.home(run.state) / f"disk-{run.place.name}"
    disk = await run.later.enter_async_context(small_disk(place, postgres.USER))
    await run.later.enter_async_context(_holding_rows(run, disk))
    await _full_for_a_while(run, disk, times)


async def objects_disk_full(run: Run, times: int) -> None:
    """The disk of the object store."""
    place = run.state.folder / "s3" / "data" / run.place.bucket
    disk = await run.later.enter_async_context(small_disk(place))
    await _full_for_a_while(run, disk, times)


async def _full_for_a_while(run: Run, disk: Disk, times: int) -> None:
    consumer = await run.start()
    first, *parts = run.parts(times)
    await run.reach_amid(first, consumer)
    for part in parts:
        await run.reach_amid(part, consumer)
        before = run.events()
        await disk.fill()
        await run.waits(before)
        await asyncio.sleep(run.rng.uniform(0, 3))
        await disk.empty()
        run.hits += 1
        await run.recover(consumer, began=datetime.now(UTC))
        await run.reach(run.sent, consumer)


@asynccontextmanager
async def _holding_rows(run: Run, disk: Disk) -> AsyncIterator[None]:
    """Move a run's database to a disk."""
    name = run.place.name
    admin = await database.connect(run.state, "postgres")
    await run.progress.close()
    try:
        await admin.execute(f"CREATE TABLESPACE {name} LOCATION '{disk.place}'")
        await admin.execute(f"ALTER DATABASE {name} SET TABLESPACE {name}")
        yield
        await admin.execute(f"DROP TABLESPACE {name}")
    finally:
        await admin.close()


async def log_disk_full(run: Run, times: int) -> None:
    """The disk of PostgreSQL's own log: the server stops, until there is room and it is started."""
    place = postgres.home(run.state) / "log-disk"
    async with small_disk(place, postgres.USER) as disk, _holding_log(run, disk):
        consumer = await run.start()
        first, *parts = run.parts(times)
        await run.reach_amid(first, consumer)
        for part in parts:
            # Of what is sent before the end of the log nothing may be left to wait.
            middle = len(part) // 2
            await run.reach_amid(part[:middle], consumer)
            before = run.events()
            await disk.fill()
            await _use_up_log(run)
            await run.send(part[middle:])
            await run.waits(before)
            await asyncio.sleep(run.rng.uniform(0, 3))
            await disk.empty()
            if find(postgres.server(run.state)) is None:
                await start_server(postgres, run.state)
            run.hits += 1
            await run.recover(consumer, began=datetime.now(UTC))
        await run.drain()


async def _use_up_log(run: Run) -> None:
    """What is allocated already would take many a batch."""

    async def stopped() -> bool:
        try:
            admin = await database.connect(run.state, run.place.name)
        except GONE:
            return True
        try:
            # An empty log is not switched.
            await admin.execute("SELECT pg_logical_emit_message(false, 'faults', 'full')")
            await admin.execute("SELECT pg_switch_wal()")
        except GONE:
            return True
        finally:
            admin.terminate()
        return False

    await until(stopped, "PostgreSQL has no room for its log")


@asynccontextmanager
async def _holding_log(run: Run, disk: Disk) -> AsyncIterator[None]:
    """PostgreSQL's log on a disk, meanwhile."""
    log = postgres.home(run.state) / "data" / "pg_wal"
    aside = disk.place / "pg_wal"

    async def move(source: Path, target: Path) -> None:
        if find(postgres.server(run.state)) is not None:
            await stop_server(postgres, run.state)
        if log.is_symlink():
            log.unlink()
        await asyncio.to_thread(shutil.copytree, source, target)
        if postgres.USER:
            carry_out(["chown", "-R", f"{postgres.USER}:", str(target)])
        shutil.rmtree(source)
        if target != log:
            log.symlink_to(target)
        await start_server(postgres, run.state)

    await move(log, aside)
    try:
        yield
    finally:
        await disk.empty()
        await move(aside, log)
