"""Break a stack of its own and check: `python -m faults [--kind NAME] [--runs N] [--seed N]`."""

import argparse
import asyncio
import json
import logging
import os
import random
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from dev import stack
from dev.children import Stopped, end_on_signals
from dev.processes import StackError
from dev.state import State, open_state
from dev.testing import alone
from faults.disks import unmount_left
from faults.feed import make_feed
from faults.kinds import KINDS, SHORT
from faults.page import note, table
from faults.run import Kind, Stage
from faults.runner import Result, broken, calm_contents, run_fault

PARTED = 1200
"""Messages in a feed that is sent part by part, so that each fault meets one."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--runs", type=int, help="of each fault, else as many as it has by itself")
    parser.add_argument("--seed", type=int, help="of an earlier run, to repeat it")
    parser.add_argument("--messages", type=int, help="in the feed of each fault")
    parser.add_argument("--kind", action="append", metavar="NAME", help="of the faults to run")
    parser.add_argument("--short", action="store_true", help="each once, the quick ones only")
    parser.add_argument("--together", type=int, default=3, help="faults at once, but of servers")
    parser.add_argument("--report", type=Path, help="write the results there, as JSON")
    parser.add_argument("--local", type=Path, default=Path(".local/faults"), help="state folder")
    parser.add_argument("--port", type=int, default=18300, help="first port of its stack")
    return parser.parse_args()


def _chosen(options: argparse.Namespace) -> list[Kind]:
    kinds = SHORT if options.short else KINDS
    if unknown := set(options.kind or ()) - {kind.name for kind in kinds}:
        raise StackError(f"no such fault: {unknown}; there are: {', '.join(k.name for k in kinds)}")
    chosen = [kind for kind in kinds if not options.kind or kind.name in options.kind]
    return [kind._replace(times=options.runs or kind.times) for kind in chosen]


async def _run(state: State, options: argparse.Namespace, kinds: Sequence[Kind]) -> list[Result]:
    seed = options.seed
    count = options.messages or (500 if options.short else 4000)
    folder = state.folder / "runs" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-seed-{seed}"
    stage = await _stage(state, count, seed, folder, options.short)
    feed = stage.feed
    print(f"seed {seed}: {len(feed.messages)} messages, {feed.packets} packets; logs in {folder}")
    brief = stage if count <= PARTED else await _stage(state, PARTED, seed, folder, options.short)
    beside = asyncio.Semaphore(options.together)

    async def one_of_several(kind: Kind) -> Result:
        async with beside:
            return await _told(brief if kind.in_parts else stage, kind)

    gentle = [kind for kind in kinds if not kind.breaks_servers]
    results = list(await asyncio.gather(*map(one_of_several, gentle)))
    for kind in kinds:
        if kind.breaks_servers:
            results.append(await _told(brief if kind.in_parts else stage, kind))
    return results


async def _stage(state: State, count: int, seed: int, folder: Path, short: bool) -> Stage:
    feed = make_feed(count, seed)
    return Stage(state, feed, await calm_contents(state, feed), seed, folder, short)


async def _told(stage: Stage, kind: Kind) -> Result:
    began = time.monotonic()
    try:
        result = await run_fault(stage, kind, kind.times)
    except Exception as error:  # of what puts all in order again
        result = broken(kind, error)
        await asyncio.to_thread(stack.up, stage.state)
    said = "sound" if result.sound else f"NOT SOUND: seen {result.hits} times, {result.verdict}"
    print(f"{kind.name}: {said}, {time.monotonic() - began:.0f} s", flush=True)
    wrong = (*filter(None, [result.error]), *result.verdict.complaints, *result.tally.failed)
    for complaint in wrong[:20]:
        print(f"  {complaint}", flush=True)
    if kind in KINDS:
        note(result, stage.seed, [kind.name for kind in KINDS])
    return result


def _report(results: Sequence[Result]) -> str:
    return json.dumps(
        [
            {"fault": r.name, "sound": r.sound, "runs": r.times, "seen": r.hits, "error": r.error}
            | vars(r.verdict)
            | {"answered": r.tally.answered, "failed": r.tally.failed}
            | {"recoveries": r.recoveries, "exits": r.exits, "events": r.events}
            for r in results
        ],
        indent=1,
    )


def main() -> int:
    """Run the suite; 1 where anything was lost, doubled, without bytes, or not seen to happen."""
    options = _arguments()
    if options.seed is None:
        options.seed = random.randrange(10**6)
    for broken_on_purpose in ("aiokafka", "aiohttp.server"):
        logging.getLogger(broken_on_purpose).setLevel(logging.CRITICAL)
    end_on_signals()
    try:
        kinds = _chosen(options)
        with alone(options.local):
            left = open_state(options.local, options.port)
            unmount_left(left)
            stack.clean(left, quiet=True)
            state = open_state(options.local, options.port)
            os.environ.update(state.env())
            try:
                stack.up(state)
                results = asyncio.run(_run(state, options, kinds))
            finally:
                stack.down(state, quiet=True)
    except (StackError, Stopped) as error:
        print(f"faults: {error or 'stopped'}", file=sys.stderr)
        return 1
    print("\n" + table(results))
    if options.report:
        options.report.write_text(_report(results))
    return 0 if results and all(result.sound for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
