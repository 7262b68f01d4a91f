"""Run app, consumer and feeder from their images, on a stack of their own: do they work?

    make image image-check

Read-only, without capabilities, as their own user; simulated alerts through Kafka into the
archive, and asked for over HTTP.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dev import account, stack
from dev.account import Account
from dev.containers import Container, Engine, settings_of
from dev.demo import ask, unanswered
from dev.processes import StackError, require_free, tail
from dev.produce import topic_of_tonight
from dev.state import State, open_state

READY_SECONDS = 60
# uvicorn shuts down in order and then ends by the signal itself, unless it is a container's first
# process; the consumer ends with 0.
ENDS = {"app": (0, -15, 143), "consumer": (0,)}
DRAIN_SECONDS = 120


@dataclass(frozen=True)
class Check:
    """One run: the engine, and the stack that the images work on."""

    engine: Engine
    state: State

    @contextmanager
    def running(self, target: str, role: str, address: str, *more: str) -> Iterator[None]:
        """Run an image until it answers, and then for as long as it is needed; it must end well.

        Its health check is asked too, at the port where it listens here.
        """
        image = self.engine.image(f"mars-{target}")
        log = self.state.log(target)
        log.parent.mkdir(exist_ok=True)
        began = time.monotonic()
        with log.open("wb") as output:
            settings = settings_of(self.state, role)
            ours = Container(self.engine, image, [*image.command, *more], settings, output)
        try:
            while (problem := unanswered(address)) is not None:
                if ours.process.poll() is not None or time.monotonic() - began > READY_SECONDS:
                    raise StackError(f"{target} is not ready: {problem}; {tail(log)}")
                time.sleep(0.1)
            say(f"{target} answers after {time.monotonic() - began:.1f} s, as {image.user}")
            self._health(target, httpx.URL(address).port)
            yield
        finally:
            began = time.monotonic()
            code = ours.stop()
        if code not in ENDS[target]:
            raise StackError(f"{target} ended with {code}; {tail(log)}")
        say(f"{target} ended with {code}, {time.monotonic() - began:.1f} s after SIGTERM")

    def once(self, name: str, *command: str) -> int:
        """Run a command in a container of its own; return its exit code."""
        image = self.engine.image(name)
        settings = settings_of(self.state, "writer")
        return Container(self.engine, image, list(command), settings).wait()

    def _health(self, target: str, port: int | None) -> None:
        usual = {"app": "8000", "consumer": "8005"}[target]
        command = [
            part.replace(usual, str(port)) for part in self.engine.image(f"mars-{target}").health
        ]
        if not command or self.once(f"mars-{target}", *command):
            raise StackError(f"the health check of {target} fails")
        say(f"the health check of {target} passes")


def check(state: State, count: int) -> None:
    """Run them all, feed them, and ask."""
    ours = Check(Engine(), state)
    ports = state.ports
    require_free({ports.app: "the app", ports.metrics: "the consumer's metrics"})
    metrics = f"http://127.0.0.1:{ports.metrics}/metrics"
    site = f"http://127.0.0.1:{ports.app}"
    locked(ours)
    with ExitStack() as running:
        running.enter_context(ours.running("consumer", "writer", metrics))
        port = ("--port", str(ports.app))
        running.enter_context(ours.running("app", "reader", f"{site}/readyz", *port))
        feeder = ours.engine.image("mars-feeder").command[:-1]
        if ours.once("mars-feeder", *feeder, str(count)):
            raise StackError("the feeder failed")
        done = drained(state, count)
        say(f"fed {done.fed:,} messages: {done.sums}")
        answers(site, done.sums["received"])


def locked(ours: Check) -> None:
    """Make sure that the programs of an image can write nowhere but in /tmp."""
    places = ["/srv/mars", "/opt/mars", "/etc", "/var/tmp"]  # noqa: S108 -- in the container
    script = " ".join(f"! touch {place}/x 2>/dev/null &&" for place in places)
    for target in ("app", "consumer"):
        if ours.once(f"mars-{target}", "sh", "-c", f"{script} touch /tmp/x"):
            raise StackError(f"mars-{target} can write where it should not")
    say(f"app and consumer can write in /tmp alone ({ours.engine.name})")


def drained(state: State, count: int) -> Account:
    """Wait until the archive holds what the feeder sent."""
    deadline = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < deadline:
        now = account.take(state, topic_of_tonight())
        if now.drained and now.fed >= count:
            if now.sums["received"] != now.fed or now.sums["stored"] == 0:
                raise StackError(f"the ledger does not add up: {now.fed} fed, {now.sums}")
            return now
        time.sleep(0.2)
    raise StackError(f"not taken in after {DRAIN_SECONDS} s; {tail(state.log('consumer'))}")


def answers(site: str, expected: int) -> None:
    """Ask for the ledger, where so many messages are expected, a cone, a picture and a packet."""
    received: int = ask(f"{site}/api/v1/nights")["items"][0]["received"]
    if received != expected:
        raise StackError(f"/api/v1/nights says {received}, not {expected}")
    newest: dict[str, Any] = ask(f"{site}/api/v1/alerts?limit=1")["items"][0]
    ra, dec, candid = newest["ra"], newest["dec"], newest["candid"]
    cone = ask(f"{site}/api/v1/alerts?cone={ra:.5f},{dec:.5f},0.01")["items"]
    if candid not in {alert["candid"] for alert in cone}:
        raise StackError(f"the cone around {candid} does not hold it")
    one = f"{site}/api/v1/alerts/{candid}"
    sizes = {kind: len(fetched(f"{one}/{kind}")) for kind in ("avro", "cutouts/science.png")}
    docs = len(fetched(f"{site}/docs")) + len(fetched(f"{site}/static/vendor/swagger-ui.css"))
    say(f"nights: {received:,} received; cone: {len(cone)} alerts; bytes: {sizes}, docs {docs:,}")
    assets: set[str] = set()
    for path in ("/", f"/{candid}/", f"/objects/{newest['object_id']}/", "/help/"):
        page = httpx.get(site + path, headers={"Accept": "text/html"}, timeout=30)
        if not page.is_success or "<table" not in page.text:
            raise StackError(f"{path} says {page.status_code}, or shows no table")
        assets |= set(re.findall(r'"(/static/[^"]+)"', page.text))
    whole = sum(len(fetched(f"{site}{asset}")) for asset in assets)
    say(f"pages: 4, with {len(assets)} assets of {whole:,} bytes")


def fetched(address: str) -> bytes:
    """Return the body of an answer."""
    answer = httpx.get(address, timeout=30)
    if not answer.is_success or not answer.content:
        raise StackError(f"{address} says {answer.status_code}")
    return answer.content


def say(text: str) -> None:
    """Tell the user at once, also through a pipe."""
    print(f"image: {text}", flush=True)


def main() -> int:
    """Check on a fresh stack, and stop it whatever happens."""
    parser = argparse.ArgumentParser(prog="dev.image", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/image"), help="state folder")
    parser.add_argument("--port", type=int, default=8700, help="port of the app")
    parser.add_argument("--count", type=int, default=500, help="how many alerts")
    options = parser.parse_args()
    try:
        stack.clean(open_state(options.local, options.port), quiet=True)
        state = open_state(options.local, options.port)
        try:
            stack.up(state)
            check(state, options.count)
        finally:
            stack.down(state, quiet=True)
    except (StackError, httpx.HTTPError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
