"""Break a stack of its own and check: `python -m faults [--runs 30] [--seed N] [--only NAME]`."""

import argparse
import asyncio
import json
import logging
import os
import random
import statistics
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
from faults.feed import make_feed
from faults.kinds import BY_RUNS, KINDS, SHORT
from faults.run import Kind, Result, Stage, calm_contents, run_fault

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"
INTRODUCTION = """# Faults

Written by `make faults` on {day}, seed {seed}. Each row is a feed of its own through real Kafka,
PostgreSQL and S3 server, broken `runs` times at moments drawn from the seed (`seen`: so often the
fault did happen), then drained and checked: every packet that was sent ended as stored, duplicate,
private or rejected; the rows equal those of an undisturbed feed; each row's bytes have the
packet's sha256; the ledger ends where Kafka ends. Recovery is the time from the fault to the next
durable batch (the next start of a consumer takes over from a dead one of its name at once; another
consumer only after Kafka's session of 10 s); SIGTERM the longest time to a clean end. Where
PostgreSQL has two replicas, each of the three is killed `runs` / 3 times while four clients read
every kind of answer of the app: `reads` counts the answers, and those that did not come, were a
fault of the server's, or differed from the same as of the same batch before.
Processes and servers die here, not the machine: the local S3 server promises no fsync.

"""
HEAD = (
    "fault|runs|seen|packets|lost|doubled|without bytes|recovery s: median, longest|SIGTERM s|"
    "reads: answered, failed"
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=30, help="kills at random moments")
    parser.add_argument("--seed", type=int, help="of an earlier run, to repeat it")
    parser.add_argument("--messages", type=int, help="in the feed of each fault")
    parser.add_argument("--only", action="append", metavar="NAME", help="faults to run")
    parser.add_argument("--short", action="store_true", help="each once, the quick ones only")
    parser.add_argument("--together", type=int, default=3, help="faults at once, but of servers")
    parser.add_argument("--report", type=Path, help="write the results there, as JSON")
    parser.add_argument("--local", type=Path, default=Path(".local/faults"), help="state folder")
    parser.add_argument("--port", type=int, default=18300, help="first port of its stack")
    return parser.parse_args()


def _chosen(options: argparse.Namespace) -> list[Kind]:
    kinds = SHORT if options.short else KINDS
    kinds = tuple(k._replace(times=options.runs) if k.name in BY_RUNS else k for k in kinds)
    if unknown := set(options.only or ()) - {kind.name for kind in kinds}:
        raise StackError(f"no such fault: {unknown}; there are: {', '.join(k.name for k in kinds)}")
    return [kind for kind in kinds if not options.only or kind.name in options.only]


async def _run(state: State, options: argparse.Namespace, kinds: Sequence[Kind]) -> list[Result]:
    seed = options.seed
    feed = make_feed(options.messages or (500 if options.short else 4000), seed)
    folder = state.folder / "runs" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-seed-{seed}"
    print(f"seed {seed}: {len(feed.messages)} messages, {feed.packets} packets; logs in {folder}")
    stage = Stage(state, feed, await calm_contents(state, feed), seed, folder)
    beside = asyncio.Semaphore(options.together)

    async def one_of_several(kind: Kind) -> Result:
        async with beside:
            return await _told(stage, kind)

    gentle = [kind for kind in kinds if not kind.breaks_servers]
    results = list(await asyncio.gather(*map(one_of_several, gentle)))
    return results + [await _told(stage, kind) for kind in kinds if kind.breaks_servers]


async def _told(stage: Stage, kind: Kind) -> Result:
    began = time.monotonic()
    result = await run_fault(stage, kind, kind.times)
    said = "sound" if result.sound else "NOT SOUND"
    print(f"{kind.name}: {said}, {time.monotonic() - began:.0f} s", flush=True)
    for complaint in (*filter(None, [result.error]), *result.verdict.complaints[:20]):
        print(f"  {complaint}", flush=True)
    return result


def _cells(result: Result) -> list[str]:
    verdict, times = result.verdict, result.recoveries
    recovery = f"{statistics.median(times):.1f}, {max(times):.1f}" if times else "–"
    counts = (result.times, result.hits, verdict.packets, verdict.lost, verdict.doubled)
    exits = f"{max(result.exits):.1f}" if result.exits else "–"
    tally = result.tally
    reads = f"{tally.answered:,}, {len(tally.failed)}" if tally.answered else "–"
    name = result.name if result.sound else f"{result.name} (NOT SOUND)"
    return [name, *map(str, counts), str(verdict.bare), recovery, exits, reads]


def table(results: Sequence[Result]) -> str:
    """The results in Markdown."""
    head = HEAD.split("|")
    rule = ["---", *["--:"] * (len(head) - 1)]
    rows = [head, rule, *map(_cells, results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


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
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its servers are broken on purpose
    end_on_signals()
    try:
        kinds = _chosen(options)
        with alone(options.local):
            stack.clean(open_state(options.local, options.port), quiet=True)
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
    if kinds == list(KINDS):
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        PAGE.write_text(INTRODUCTION.format(day=day, seed=options.seed) + table(results) + "\n")
    if options.report:
        options.report.write_text(_report(results))
    return 0 if results and all(result.sound for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
