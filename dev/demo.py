"""Run the whole of MARS on this machine, feed it, and account for every packet."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import quote_plus

import httpx

from dev import account, stack
from dev.account import Account
from dev.children import Children, Stopped, end_on_signals, ignore_signals, own_terminal
from dev.processes import StackError, require_free, tail
from dev.produce import topic_of_tonight
from dev.simulator.landmarks import STAR, SUPERNOVA, designation
from dev.simulator.sources import landmark_name
from dev.state import BUCKET, State, open_state

SIMULATED = 1000
SEED = 1
CATALOG = ["catalog", "update"]
READY_SECONDS = 60
KEEP_ALIVE_S: Final = 75
"""A server that closes an idle connection before its client does may close it just as the next
request is on its way: httpx keeps connections for 5 s, nginx for 60."""
KEEP_ALIVE: Final = ("--timeout-keep-alive", str(KEEP_ALIVE_S))
GRACE: Final = ("--timeout-graceful-shutdown", "10")
"""For clients that have stopped reading a stream: the others end at once."""
STALLED_SECONDS = 120
SHOWN = {"candid", "object_id", "time", "filter", "ra", "dec", "magpsf", "sigmapsf", "rb"}


@dataclass
class Clock:
    """How long each phase took."""

    last: float
    phases: list[tuple[str, float]] = field(default_factory=list)

    def done(self, phase: str) -> None:
        now = time.time()
        self.phases.append((phase, now - self.last))
        self.last = now


def demonstrate(state: State, children: Children, data: Path | None, clock: Clock) -> NoReturn:
    """Go through all phases, then stay until a child ends or a signal comes."""
    require_free({state.ports.app: "the app", state.ports.metrics: "the consumer's metrics"})
    stack.up(state)
    clock.done("stack")
    start_programs(state, children)
    clock.done("programs")
    topic = topic_of_tonight()
    before = account.take(state, topic)
    say(f"feeding {data or f'{SIMULATED:,} simulated alerts'} into {topic}")
    children.start("feed", feeder(state, data, topic), "owner")
    after = drain(state, children, topic, before, clock)
    children.start("catalog", CATALOG, "reader")
    report(state, topic, before, after)
    spent = [f"{phase} {seconds:.1f} s" for phase, seconds in clock.phases]
    say("time: " + " · ".join(spent))
    site = f"http://127.0.0.1:{state.ports.app}"
    show_query(site)
    if data is None:
        show_landmarks(site)
    show_catalog(state, children)
    say(f"MARS answers at {site}/ — Ctrl-C stops it")
    while True:
        children.check("app", "consumer")
        time.sleep(0.5)


def start_programs(state: State, children: Children) -> None:
    """Start the consumer and the app; wait until both answer."""
    place = ["--host", "127.0.0.1", "--port", str(state.ports.app)]
    say("starting the consumer and the app")
    children.start("consumer", ["consumer", "stream"], "writer")
    options = ["--no-access-log", "--no-proxy-headers", *KEEP_ALIVE, *GRACE, *place]
    children.start("app", ["uvicorn", "--factory", "app.main:create_app", *options], "reader")
    addresses = {
        "consumer": f"http://127.0.0.1:{state.ports.metrics}/metrics",
        "app": f"http://127.0.0.1:{state.ports.app}/readyz",
    }
    for name, address in addresses.items():
        deadline = time.monotonic() + READY_SECONDS
        while (problem := unanswered(address)) is not None:
            children.check("app", "consumer")
            if time.monotonic() > deadline:
                raise StackError(f"{name} was not ready after {READY_SECONDS} s: {problem}")
            time.sleep(0.1)


def feeder(state: State, data: Path | None, topic: str) -> list[str]:
    """Return the command that feeds the topic and writes down what it sent."""
    options = ["--topic", topic, "--sent", str(sent(state))]
    if data is not None:
        return ["dev.feed", str(data), *options]
    count = ["--count", str(SIMULATED), "--seed", str(SEED)]
    return ["dev.simulate", *count, "--to", "kafka", *options]


def sent(state: State) -> Path:
    """Return where the feeder's record of the last feed lies, outside all stores."""
    return state.folder / "sent.jsonl"


def drain(state: State, children: Children, topic: str, before: Account, clock: Clock) -> Account:
    """Wait until all is fed and the archive has reached Kafka's end; show progress."""
    fed, moved, taken = False, time.monotonic(), before.taken
    said, again = progress_of(before, before), 0.0
    while True:
        children.check("app", "consumer")
        if not fed and children.ended("feed"):
            fed = True
            if account.take(state, topic).fed == before.fed:
                raise StackError(f"nothing was fed; {tail(state.log('feed'))}")
            clock.done("feed")
        now = account.take(state, topic)
        if now.taken != taken:
            taken, moved = now.taken, time.monotonic()
        if fed and now.drained:
            clock.done("drain")
            return now
        if fed and time.monotonic() - moved > STALLED_SECONDS:
            raise StackError(f"nothing was taken in for {STALLED_SECONDS} s; see make status")
        if (progress := progress_of(before, now)) != said and time.monotonic() > again:
            said, again = progress, time.monotonic() + 1
            say(progress)
        time.sleep(0.2)


def progress_of(before: Account, now: Account) -> str:
    """Return how far feed and archive are, in messages."""
    return f"messages: {now.fed - before.fed:,} fed, {now.taken - before.taken:,} taken in"


def report(state: State, topic: str, before: Account, after: Account) -> None:
    """Say what became of the packets, and that it adds up."""
    sums = {name: after.sums[name] - before.sums[name] for name in after.sums}
    received = sums.pop("received")
    print(f"\n  {'fed':<12}{received:>8,}  packets in {after.fed - before.fed:,} messages")
    for name, count in sums.items():
        print(f"  {name:<12}{count:>8,}")
    lines = [json.loads(line) for line in sent(state).read_text().splitlines()]
    names = {(line["partition"], line["offset"]): line["name"] for line in lines}
    for partition, offset, reason in account.rejects(state, topic, before.batch):
        name = names.get((partition, offset), f"partition {partition}, offset {offset}")
        print(f"    {name}: {reason}")
    print(flush=True)
    if received != sum(sums.values()):
        raise StackError(f"the ledger does not add up: {received} fed, {sums}")
    say("every packet is accounted for: fed = " + " + ".join(sums))
    if received and sums["duplicate"] == received:
        say("all of them were here already: nothing new was stored")


def show_query(site: str) -> None:
    """Show one cone search as a command, with its answer."""
    items = ask(f"{site}/api/v1/alerts?limit=1")["items"]
    if not items:
        say("the archive holds no alert to search for")
        return
    ra, dec = items[0]["ra"], items[0]["dec"]
    address = f"{site}/api/v1/alerts?cone={ra:.5f},{dec:.5f},0.01"
    answer = ask(address)
    say("a cone search of 0.01 degrees around the newest alert:")
    print(f"\n  curl '{address}'\n")
    print(
        "  "
        + json.dumps(shortened(answer), indent=2, ensure_ascii=False).replace("\n", "\n  ")
        + "\n"
    )


def show_landmarks(site: str) -> None:
    """Say where the objects are that the simulated sky always shows."""
    objects = {"a supernova": SUPERNOVA, "a variable star": STAR}
    for what, number in objects.items():
        say(f"{what}: {site}/objects/{landmark_name(SEED, number)}/")
    say(f"a body that moves: {site}/?ssnamenr={quote_plus(designation(SEED))}")


def show_catalog(state: State, children: Children) -> None:
    """Wait until the alerts are in the catalog too, and say how many it holds, and where."""
    while not children.ended("catalog"):
        children.check("app", "consumer")
        time.sleep(0.1)
    for line in state.log("catalog").read_text().splitlines():
        if not line.startswith("{"):
            say(f"catalog of {line}, in s3://{BUCKET}/catalog: docs/catalog.md")


def shortened(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the first alert's best-known fields, and how much was left out."""
    alerts = answer["items"]
    if not alerts:
        return answer
    first = {name: value for name, value in alerts[0].items() if name in SHOWN}
    more = {"…": f"{len(alerts[0]) - len(first)} more fields"}
    rest = [f"… {len(alerts) - 1} more alerts"] if len(alerts) > 1 else []
    return {**answer, "items": [first | more, *rest]}


def ask(address: str) -> dict[str, Any]:
    """Return an answer of the app."""
    answer = httpx.get(address, timeout=30)
    if not answer.is_success:
        raise StackError(f"{address} says {answer.status_code}: {answer.text}")
    answered: dict[str, Any] = answer.json()
    return answered


def unanswered(address: str) -> str | None:
    """Return why an address does not answer well; None when it does."""
    try:
        answer = httpx.get(address, timeout=5)
    except httpx.HTTPError as error:
        return f"{address}: {error}"
    return None if answer.is_success else f"{address} says {answer.status_code}: {answer.text}"


def say(text: str) -> None:
    """Tell the user at once, also through a pipe."""
    print(f"demo: {text}", flush=True)


def attempt(work: Callable[[], int]) -> int:
    """Return the exit code: a demo that was asked to stop has succeeded."""
    try:
        return work()
    except Stopped:
        say("stopping")
        return 0
    except (StackError, OSError, httpx.HTTPError) as error:
        print(f"demo: {error}", file=sys.stderr, flush=True)
        return 1


def main() -> int:
    """Read the command line; run until asked to stop."""
    parser = argparse.ArgumentParser(prog="dev.demo", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local"), help="state folder")
    parser.add_argument("--port", type=int, help="port of the app; the others follow it")
    parser.add_argument("--data", type=Path, help="folder, file or tarball to feed")
    parser.add_argument("--began", type=float, default=time.time(), help="when set-up began")
    options = parser.parse_args()
    clock = Clock(options.began)
    clock.done("set-up")
    end_on_signals()
    with own_terminal():
        return attempt(lambda: run(options.local, options.port, options.data, clock))


def run(local: Path, port: int | None, data: Path | None, clock: Clock) -> int:
    """Demonstrate, and stop what was started; a stack that was up stays up."""
    if data is not None and not data.exists():
        raise StackError(f"there is no {data} to feed")
    state = open_state(local, port)
    ours = not stack.is_up(state)
    children = Children(state)
    code = attempt(lambda: demonstrate(state, children, data, clock))
    ignore_signals()
    children.stop()
    if ours:
        stack.down(state)
    return code


if __name__ == "__main__":
    sys.exit(main())
