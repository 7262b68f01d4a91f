"""What clients can do to the others: `python -m bench.attacking`, which writes docs/attacks.md.

Each attack goes on while ordinary questions are asked; then the app must be as it was before.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from bench.attackers import ATTACKS, Attack, Attacker
from bench.crowding import Path as Address
from bench.crowding import cheap
from bench.filtering import wait_for_columns
from bench.following import memory_mb
from bench.measure import Round, ask
from bench.report import DOCS, machine
from bench.running import app, described, fill, run_catalog, running_stack, say
from bench.serving import Served, served

PAGE: Final = DOCS / "attacks.md"
ROUNDS: Final = 3
QUESTIONS: Final = 60
"""Questions of each kind a round."""
WARM_S: Final = 3.0
"""Seconds in which an attack comes to its height."""
RECOVERY_S: Final = 120.0
SPARE: Final = 8
"""Descriptors that the app may hold more than before: connections of its pools."""
ORDINARY: Final = ("cone 10 arcsec", "an alert", "an object", "/healthz")


def ordinary(s: Served) -> dict[str, Address]:
    """The addresses of ordinary questions, by what they are."""
    kinds = cheap(s)
    own = (kinds["cone 10 arcsec"], kinds["alert"], kinds["object"], lambda _: "/healthz")
    return dict(zip(ORDINARY, own, strict=True))


class Found(NamedTuple):
    """What an attack did."""

    attack: Attack
    answers: Counter[str]
    """What the attackers were answered: HTTP statuses, and what else became of them."""
    ratios: dict[str, float]
    """p50 of each ordinary question beside the attack, by its p50 alone."""
    longest_ms: float
    failed: Counter[str]
    """What ordinary questions were answered that was not 200."""
    recovered_s: float
    """Seconds until the app held no more descriptors than before, and was ready."""
    memory_mb: float


@asynccontextmanager
async def under(attack: Attack, address: str, answers: Counter[str]) -> AsyncIterator[None]:
    """An attack at its height."""

    async def go_on(one: Attacker) -> None:
        while True:
            try:
                await attack.work(one)
            except (OSError, aiohttp.ClientError, asyncio.IncompleteReadError):
                one.answers["cut off"] += 1
                await asyncio.sleep(0.1)

    attackers = [Attacker(n, address, answers) for n in range(attack.clients)]
    under_way = [asyncio.create_task(go_on(one)) for one in attackers]
    try:
        await asyncio.sleep(WARM_S)
        yield
    finally:
        for one in under_way:
            one.cancel()
        ended = await asyncio.gather(*under_way, return_exceptions=True)
    for why in ended:
        if not isinstance(why, asyncio.CancelledError):
            raise RuntimeError(f"an attacker of {attack.name} ended") from why


async def try_attack(s: Served, pid: int, attack: Attack) -> Found:
    """Ordinary questions alone and beside an attack, in turn; then the time to recover."""
    answers: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    held, addresses = descriptors(pid), ordinary(s)
    alone: dict[str, list[Round]] = {name: [] for name in ORDINARY}
    beside: dict[str, list[Round]] = {name: [] for name in ORDINARY}

    async def round_of(name: str) -> Round:
        async def work(n: int) -> None:
            async with s.http.get(s.address + addresses[name](n)) as answer:
                await answer.read()
            if answer.status != HTTPStatus.OK:
                failed[str(answer.status)] += 1

        return await ask(work, QUESTIONS, 1)

    for _ in range(ROUNDS):
        for name, rounds in alone.items():
            rounds.append(await round_of(name))
        async with under(attack, s.address, answers):
            for name, rounds in beside.items():
                rounds.append(await round_of(name))
        recovered = await recover(s, pid, held)
    ratios = {
        name: statistics.median(r.p50_ms for r in beside[name])
        / statistics.median(r.p50_ms for r in alone[name])
        for name in ORDINARY
    }
    # Of so few the 99th percentile is the longest.
    longest = max(one.p99_ms for rounds in beside.values() for one in rounds)
    return Found(attack, answers, ratios, longest, failed, recovered, memory_mb(pid, "VmHWM"))


async def recover(s: Served, pid: int, held: int) -> float:
    """Seconds until the app is as before an attack."""
    began = time.perf_counter()
    while time.perf_counter() - began < RECOVERY_S:
        async with s.http.get(f"{s.address}/readyz") as answer:
            is_ready = answer.status == HTTPStatus.OK
        if is_ready and descriptors(pid) <= held + SPARE:
            return time.perf_counter() - began
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{descriptors(pid)} descriptors are held, {held} were before")


def descriptors(pid: int) -> int:
    """Files and connections that a process holds."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def row(found: Found) -> str:
    """A line of the table."""
    answers = ", ".join(f"{count:,} × {what}" for what, count in found.answers.most_common())
    failed = ", ".join(f"{count} × {what}" for what, count in found.failed.items()) or "0"
    ratios = " | ".join(f"{ratio:.2f}" for ratio in found.ratios.values())
    return (
        f"| {found.attack.name} | {found.attack.clients} | {answers} | {ratios} | "
        f"{found.longest_ms:,.0f} | {failed} | {found.recovered_s:.1f} | {found.memory_mb:,.0f} |"
    )


def write_page(found: list[Found], server: str, rows: int) -> None:
    """The table, and what its columns are."""
    names = " | ".join(ORDINARY)
    PAGE.write_text(
        "# Under attack\n\n"
        f"Written by `python -m bench.attacking` on {datetime.now(UTC):%Y-%m-%d}, over {rows:,} "
        "archived alerts, one process of the app without a limit on requests; attackers and app "
        "share the machine. Each attacker has an address of its own, so that no bound for one "
        "client holds all of them; those who ask wait half a second after each answer.\n\n"
        f"Machine: {machine(server)}.\n\n"
        f"Ordinary questions ({names}) are asked one by one alone and beside each attack, in turn, "
        f"{ROUNDS} rounds of {QUESTIONS}: the ratio of their p50, the longest of all [ms], and how "
        "many failed. Then the seconds until the app was ready and held no more descriptors and "
        "connections than before, and the most memory it had held until then [MB].\n\n"
        f"| Attack | Clients | Answers | {names} | Longest | Failed | Recovery | Memory |\n"
        f"|---|---|---|{'---|' * len(ORDINARY)}---|---|---|---|\n"
        + "\n".join(row(one) for one in found)
        + "\n"
    )


async def try_all(address: str, pid: int, attacks: list[Attack]) -> list[Found]:
    """One attack after the other."""
    async with served(address) as s:
        await wait_for_columns(s)
        found = []
        for attack in attacks:
            found.append(await try_attack(s, pid, attack))
            say(row(found[-1]))
        return found


def main() -> int:
    """Fill an archive, attack the app, write the page."""
    parser = argparse.ArgumentParser(prog="bench.attacking", description=__doc__)
    parser.add_argument("--local", type=Path, default=Path(".local/attacking"), help="state folder")
    parser.add_argument("--port", type=int, default=18590, help="port of the app")
    parser.add_argument("--rows", type=int, default=200_000, help="alerts of the archive")
    parser.add_argument("--only", default="", help="attacks whose name holds this; no page then")
    options = parser.parse_args()
    attacks = [attack for attack in ATTACKS if options.only in attack.name]
    with running_stack(options.local, options.port) as state:
        os.environ.update(state.environment("reader"))
        fill(state, options.rows)
        run_catalog(state, "update")
        with app(state) as (address, pid):
            found = asyncio.run(try_all(address, pid, attacks))
        server, rows, _ = asyncio.run(described(state))
    if not options.only:
        write_page(found, server, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
