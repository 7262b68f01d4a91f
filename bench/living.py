"""An hour of life: `python -m bench.living`, which writes docs/life.md.

The programs of compose.yaml on one machine take in a feed and answer clients of every kind at a
steady pace; what they hold is looked at all the while.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from archive.errors import StoreUnavailable
from archive.objects import ObjectStore
from bench.enduring import (
    WATCHES,
    Listener,
    judge,
    listen_all,
    listeners,
    make_watches,
)
from bench.filtering import wait_for_columns
from bench.following import until_matched
from bench.ingesting import RUN, received, topic
from bench.lived import Lived, keep, tell, write_page
from bench.running import described, fill, fresh_stack, say
from bench.serving import Served, served
from bench.surviving import asking, read_newest
from bench.visitors import Tally, visit_on
from bench.visits import KINDS
from bench.vitals import Vitals, programs, take
from dev.children import Children
from dev.demo import start_programs
from dev.produce import create
from dev.state import CHECKOUT, State

LOOK_S: Final = 5.0
KEPT_ALERTS: Final = 20_000
"""Alerts of the feed whose bytes are kept, some 1.4 GB: no disk here holds those of an hour."""
CLIENTS: Final = "the clients"
_BARRED: Final = """
import sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in {names!r} else super().find_spec(name, path, target)

sys.meta_path = [Finder if one is PathFinder else one for one in sys.meta_path]
"""
DRAIN_S: Final = 300.0
_LISTENERS: Final = 2000
_WATCHERS: Final = 3000
"""Numbers of the first clients who hold streams, and who made watches; each has an address."""
_BOUNDED: Final = {
    "retention.bytes": str(512 << 20),
    "segment.bytes": str(64 << 20),
    "file.delete.delay.ms": "1000",
}


class Watching(NamedTuple):
    """What is needed to look at all that lives."""

    state: State
    admin: "asyncpg.Connection[Any]"
    kafka: AIOKafkaConsumer
    night: str
    pids: Mapping[str, int]
    streams: Sequence[Listener]
    began: float

    async def sent(self) -> int:
        """Messages that Kafka was given."""
        place = TopicPartition(self.night, 0)
        return int((await self.kafka.end_offsets([place]))[place])

    async def look(self) -> Vitals:
        """All that can be seen now."""
        minute = (time.monotonic() - self.began) / 60
        found = await asyncio.to_thread(programs, self.state, self.pids)
        found[CLIENTS] = [os.getpid()]
        held = {name: await asyncio.to_thread(take, pids) for name, pids in found.items()}
        rows = await self.admin.fetch(
            "SELECT application_name, count(*) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' GROUP BY 1"
        )
        look = "SELECT lco_id, (SELECT min(upto) FROM app.watch) FROM counter"
        newest, least = await self.admin.fetchrow(look) or (0, 0)
        behind = {
            "consumer": await self.sent() - await received(self.admin, self.night),
            "watches": newest - least,
            "streams": max(newest - one.reached for one in self.streams),
        }
        return Vitals(minute, {k: v for k, v in held.items() if v}, dict(map(tuple, rows)), behind)


async def look_on(watching: Watching, children: Children, seen: list[Vitals], kept: Path) -> None:
    """Look every few seconds, until this is cancelled; all that was seen is kept in a file."""
    with kept.open("w") as file:
        while True:
            children.check("app", "consumer", "catalog")
            try:
                seen.append(await watching.look())
            except (OSError, TimeoutError, KafkaError, asyncpg.PostgresError) as error:
                say(f"a look was not possible: {error!r}")
            else:
                print(json.dumps(seen[-1]), file=file, flush=True)
            await asyncio.sleep(LOOK_S)


async def forget_bytes(admin: "asyncpg.Connection[Any]", store: ObjectStore, since: int) -> None:
    """Delete the bundles of the feed but for the newest, until this is cancelled."""
    last = since
    while True:
        await asyncio.sleep(LOOK_S)
        upto = await admin.fetchval(
            "SELECT max(bundle) FROM alert WHERE lco_id = (SELECT lco_id FROM counter) - $1",
            KEPT_ALERTS,
        )
        rows = await admin.fetch(
            "SELECT id, key FROM bundle WHERE id > $1 AND id < $2 ORDER BY id", last, upto or 0
        )
        for row in rows:
            try:
                await store.delete(row["key"])
            except StoreUnavailable:
                break  # and again, later
            last = row["id"]


def without_development(folder: Path) -> Path:
    """A folder from which Python learns to find nothing that only development needs.

    The images lack it, and Arrow imports pandas wherever it finds it: 60 MB.
    """
    told = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    named = {one.partition("[")[0] for one in told["optional-dependencies"]["dev"]}
    lock = (CHECKOUT / "requirements.txt").read_text()
    names = sorted(name for name in named if not re.search(rf"^{name}==", lock, re.MULTILINE))
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_BARRED.format(names=names))
    return folder


def start_all(state: State, children: Children, night: str) -> None:
    """Consumer, app and catalog, as compose.yaml runs them."""
    os.environ |= {
        "PYTHONPATH": str(without_development(state.folder / "barred")),
        "MARS_LOG_LEVEL": "warning",
        "MARS_KAFKA_TOPIC": night.replace(night.split("_")[1], "{night}"),
        "MARS_KAFKA_GROUP": RUN,
    }
    start_programs(state, children)
    children.start("catalog", ["catalog", "update", "--every-night", "16:00"], "reader")


@asynccontextmanager
async def looked_at(
    state: State, children: Children, night: str, streams: Sequence[Listener]
) -> AsyncIterator[Watching]:
    """Connections by which all is looked at."""
    kafka = AIOKafkaConsumer(bootstrap_servers=f"127.0.0.1:{state.ports.kafka}")
    await kafka.start()
    pids = {name: one.pid for name, one in children.running.items() if name != "feed"}
    try:
        async with asking(state) as admin:
            yield Watching(state, admin, kafka, night, pids, streams, time.monotonic())
    finally:
        await kafka.stop()


def feed(children: Children, night: str, rate: float, minutes: float) -> None:
    """Begin to feed."""
    told = ["--rate", str(rate), "--minutes", str(minutes), "--seed", str(int(time.time()))]
    children.start("feed", ["bench.feeding", night, *told], "reader")


async def visit_all(s: Served, watches: Sequence[str], tally: Tally, minutes: float) -> None:
    """All clients, each at its pace, for so long."""
    over, number = asyncio.Event(), 0
    async with asyncio.TaskGroup() as group:
        for kind in KINDS:
            for _ in range(kind.clients):
                group.create_task(visit_on(kind, number, (s, watches), tally, over))
                number += 1
        await asyncio.sleep(minutes * 60)
        over.set()


async def until_all_came(watching: Watching, children: Children) -> float:
    """Wait until what was fed is in the archive, and has come to watches and streams; seconds.

    It does not wait for ever: what has not come is told by what is compared then.
    """
    began = time.monotonic()
    while not children.ended("feed"):  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.5)
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S), asking(watching.state) as admin:
            while await received(admin, watching.night) < await watching.sent():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.5)
            await until_matched(admin)
            newest = await read_newest(admin)
            while any(one.reached < newest for one in watching.streams):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.5)
    # What comes twice would come now.
    await asyncio.sleep(3)
    return time.monotonic() - began


async def live(state: State, children: Children, options: argparse.Namespace) -> Lived:
    """Start all, let it live, and see what has become of it."""
    night, tally, address = topic(0), Tally(), f"http://127.0.0.1:{state.ports.app}"
    await create(night, 1, **_BOUNDED)
    await asyncio.to_thread(start_all, state, children, night)
    seen: list[Vitals] = []
    async with AsyncExitStack() as stack:
        s = await stack.enter_async_context(served(address))
        admin = await stack.enter_async_context(asking(state))
        await wait_for_columns(s)
        say(f"{options.watches} watches")
        watches = await make_watches(address, admin, options.watches, _WATCHERS)
        streams = listeners(await read_newest(admin))
        first = await admin.fetchval("SELECT max(id) FROM bundle")
        w = await stack.enter_async_context(looked_at(state, children, night, streams))
        async with asyncio.TaskGroup() as group:
            ways = (
                listen_all(address, streams, _LISTENERS, tally),
                look_on(w, children, seen, state.folder / "life.jsonl"),
                forget_bytes(admin, s.store, first),
            )
            beside = [group.create_task(way) for way in ways]
            feed(children, night, options.rate, options.minutes)
            say(f"{options.minutes:g} minutes of life")
            await visit_all(s, watches, tally, options.minutes)
            say("all of it must come to its end")
            drained = await until_all_came(w, children)
            for one in beside:
                one.cancel()
        right, came = await judge(w.admin, streams)
        sent, stored = await w.sent(), await received(w.admin, night)
    return Lived(options, tally, seen, (sent, stored, drained), (right, len(streams), came))


def main() -> int:
    """Fill an archive, let all live, write the page."""
    parser = argparse.ArgumentParser(prog="bench.living", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/living"), help="state folder")
    parser.add_argument("--port", type=int, default=18590, help="port of the app")
    parser.add_argument("--rows", type=int, default=200_000, help="alerts of the archive before")
    parser.add_argument("--rate", type=float, default=200.0, help="alerts of the feed, a second")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long all live")
    parser.add_argument("--watches", type=int, default=WATCHES, help="watches that are matched")
    parser.add_argument("--no-page", action="store_true", help="leave docs/life.md as it is")
    options = parser.parse_args()
    # What an earlier run has fed would fill the disk.
    with fresh_stack(options.local, options.port) as state:
        fill(state, options.rows)
        os.environ.update(state.environment("reader"))
        children = Children(state)
        try:
            lived = asyncio.run(live(state, children, options))
        finally:
            children.stop()
        server, *_ = asyncio.run(described(state))
    (options.local / "life.json").write_text(keep(lived))
    print("\n".join(tell(lived)))
    if not options.no_page:
        write_page(lived, server)
    return 0


if __name__ == "__main__":
    sys.exit(main())
