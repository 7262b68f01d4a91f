"""The app as a process of its own, and what it must answer while something is away."""

import asyncio
import hashlib
import json
import os
import socket
import sys
import uuid
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from dev.processes import tail
from dev.state import CHECKOUT
from faults.consumers import LEASH, Fault
from faults.run import Run
from faults.waiting import until

READY_S: Final = 120.0
ANSWER_S: Final = 5.0
"""The longest that the app may take to say that something is away."""
RECOVERY_S: Final = 120.0
POOLED: Final = 20
"""Connections that the app's pools may open after it was first looked at, and then keep."""
ALERTS: Final = "/api/v1/alerts"


class App(NamedTuple):
    """One that runs, and a client of it."""

    client: httpx.AsyncClient
    process: Process
    log: Path

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    async def idle(self, baseline: int) -> None:
        """Wait until no connection is in use and no more is open than at first, but for pools.

        Else Fault.
        """
        what = f"no database connection in use, about {baseline} descriptors open as before"
        await until(lambda: self._is_idle(baseline), what, RECOVERY_S)

    async def took(self, names: Sequence[str]) -> dict[str, float]:
        """Seconds that requests took, by their ids and the clock of the app: ours may stand still.

        They are in its log as soon as they are over.
        """
        found: dict[str, float] = {}

        async def all_found() -> bool:
            for line in self.log.read_text().splitlines():
                told = json.loads(line) if line.startswith("{") else {}
                if "ms" in told:
                    found[told["request_id"]] = told["ms"] / 1000
            return found.keys() >= set(names)

        await until(all_found, "the app logs its requests", RECOVERY_S)
        return found

    async def _is_idle(self, baseline: int) -> bool:
        metrics = (await self.client.get("/metrics")).text
        unused = "mars_database_connections_in_use 0.0" in metrics
        return unused and self.descriptors() <= baseline + POOLED


@asynccontextmanager
async def served(
    run: Run, ready: Sequence[str] = ("/readyz",), **settings: str
) -> AsyncIterator[App]:
    """The app of a run's archive; it has answered each address of `ready`."""
    port = _free_port()
    where = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    program = [*LEASH, sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", *where]
    own = run.place.reading() | {"MARS_COLUMNS_DIR": str(run.log / "columns")} | settings
    log = run.log / f"app-{port}.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *program, stdout=output, stderr=output, cwd=CHECKOUT, env=own
        )
    try:
        base = f"http://127.0.0.1:{port}"
        # A connection of ours that stays open would be counted among the app's descriptors.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=base, timeout=30, limits=limits) as client:
            app = App(client, process, log)
            await _until_ready(app, ready)
            yield app
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_ready(app: App, paths: Sequence[str]) -> None:
    async def answers() -> bool:
        if app.process.returncode is not None:
            raise Fault(f"the app ended with {app.process.returncode}; {tail(app.log)}")
        with suppress(httpx.TransportError):
            return all([(await app.client.get(path)).is_success for path in paths])
        return False

    await until(answers, "the app answers", READY_S)


async def newest(app: App, most: int) -> list[int]:
    """The candids of the newest alerts."""
    answer = await app.client.get(ALERTS, params={"limit": most})
    return [item["candid"] for item in answer.json()["items"]]


async def digests(app: App, paths: Sequence[str]) -> dict[str, bytes]:
    """The SHA-256 of the body of each answer, which must succeed; all are asked at once."""
    found = {}
    answers = await asyncio.gather(*map(app.client.get, (*paths, "/readyz", "/healthz")))
    for path, answer in zip(paths, answers, strict=False):
        if not answer.is_success:
            raise Fault(f"GET {path}: {answer.status_code} {answer.text[:200]}")
        found[path] = hashlib.sha256(answer.content).digest()
    return found


async def answers_without(
    run: Run, app: App, wanted: Mapping[str, bytes], *, ready: bool | None, must_fail: bool
) -> None:
    """Ask the app while something is away, all at once; what is wrong goes to the run's tally.

    It must work (/healthz) and know whether it can answer (`ready`; None where it may think as it
    likes). An answer is what it was before, or a 503 with Retry-After in time; that where it
    `must_fail`.
    """

    async def ask(path: str) -> tuple[str, str, httpx.Response] | None:
        name = uuid.uuid4().hex
        try:
            answer = await app.client.get(path, headers={"X-Request-ID": name})
        except httpx.HTTPError as error:
            # A status that has been sent cannot be taken back.
            if must_fail or not isinstance(error, httpx.RemoteProtocolError):
                run.tally.failed.append(f"GET {path}: {error!r}")
            return None
        return name, path, answer

    paths = ("/healthz", "/readyz", *wanted)
    told = [one for one in await asyncio.gather(*map(ask, paths)) if one]
    took = await app.took([name for name, _, _ in told])
    for name, path, answer in told:
        run.tally.statuses[answer.status_code] += 1
        if wrong := _wrong(path, answer, wanted, ready=ready, must_fail=must_fail):
            run.tally.failed.append(f"GET {path}: {answer.status_code}: {wrong}")
        elif not answer.is_success and took[name] > ANSWER_S:
            run.tally.failed.append(f"GET {path}: {answer.status_code} after {took[name]:.1f} s")


def _wrong(
    path: str,
    answer: httpx.Response,
    wanted: Mapping[str, bytes],
    *,
    ready: bool | None,
    must_fail: bool,
) -> str:
    """What is wrong with an answer; nothing if it is right."""
    if path == "/healthz":
        return "" if answer.is_success else "it is not ill"
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:
        if path == "/readyz" and ready:
            return "it is ready"
        return "" if answer.headers.get("retry-after") else "no Retry-After"
    if path == "/readyz":
        return "it is not ready" if ready is False else ""
    if must_fail:
        return "it cannot know"
    same = hashlib.sha256(answer.content).digest() == wanted[path]
    return "" if same else "another body than before"


async def answers_again(app: App, wanted: Mapping[str, bytes]) -> None:
    """Wait until the app is ready, and answers all as before."""

    async def is_ready() -> bool:
        return (await app.client.get("/readyz")).is_success

    await until(is_ready, "the app is ready", RECOVERY_S)
    if await digests(app, list(wanted)) != dict(wanted):
        raise Fault("the app answers otherwise than before the fault")
