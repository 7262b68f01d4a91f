"""Jobs from end to end: sent, run, killed, fetched, deleted, swept."""

import asyncio
import io
import re
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import numpy as np
import pyarrow.parquet
import pytest

from app.errors import QueryTooCostly
from app.jobs import results, worker
from app.jobs.queue import Jobs, Progress, new_id, open_jobs, open_queue
from app.jobs.worker import MAX_STARTS
from app.match.crossmatch import Matcher, Piece
from app.match.jobs import FILE, MATCH
from app.match.models import Job
from app.settings import Settings
from archive.objects import ObjectStore, open_store
from tests.app import sky
from tests.app.conftest import Served, database_of, serving
from tests.app.jobs.running import HANGS_S, ROOT, admin_url, free_port, keys, process, running
from tests.conftest import url_of
from tests.proxies import cutting

JOBS = "/api/v1/match/jobs"
Rows = list[dict[str, Any]]


def body(count: int) -> bytes:
    """So many positions as CSV, every tenth near an alert."""
    rng = np.random.default_rng(11)
    places = [(float(a), float(d)) for a, d in rng.uniform((0, -80), (360, 80), (count, 2))]
    known = sky.positions()
    for n in range(0, count, 10):
        _, ra, dec = known[n // 10 % len(known)]
        places[n] = (ra, min(dec + 1e-6, 90.0))
    lines = [f"p{n},{ra!r},{dec!r}" for n, (ra, dec) in enumerate(places)]
    return "\n".join(["id,ra,dec", *lines]).encode()


async def send(client: httpx.AsyncClient, data: bytes, query: str = "radius=0.01") -> Any:
    answer = await client.post(
        f"{JOBS}?{query}", content=data, headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 202, answer.text
    job = Job.model_validate(answer.json())
    assert answer.headers["location"].endswith(f"/api/v1/jobs/{job.id}")
    return job


async def status(client: httpx.AsyncClient, job: str) -> Job:
    answer = await client.get(f"/api/v1/jobs/{job}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return Job.model_validate(answer.json())


async def until(client: httpx.AsyncClient, job: str, true: Callable[[Job], bool]) -> Job:
    """The job as soon as something is true of it."""
    async with asyncio.timeout(HANGS_S):
        while not true(now := await status(client, job)):  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.05)
    return now


async def ended(client: httpx.AsyncClient, job: str) -> Job:
    return await until(client, job, lambda now: now.status in ("done", "failed"))


@asynccontextmanager
async def held_in_its_middle(
    client: httpx.AsyncClient, settings: Settings, count: int = 12_000
) -> AsyncIterator[Job]:
    """A job of which some positions are done and some are not, and that cannot go on to its end."""
    job = await send(client, body(count))
    await until(client, job.id, lambda now: now.done > 0)
    admin = await asyncpg.connect(admin_url(settings))
    try:
        async with admin.transaction():
            # It writes into its row how far it is, and will again before it is three times as far.
            row = "SELECT done FROM app.job WHERE id = $1 FOR UPDATE"
            if 3 * await admin.fetchval(row, job.id) < job.positions:
                yield job
                return
    finally:
        await admin.close()
    # It was over before it could be held.
    async with held_in_its_middle(client, settings, 2 * count) as longer:
        yield longer


async def fetched(client: httpx.AsyncClient, job: Job) -> bytes:
    assert job.result is not None
    answer = await client.get(httpx.URL(job.result).path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    return answer.content


def rows_of(data: bytes) -> Rows:
    rows: Rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    return rows


async def test_a_job_gives_what_the_match_gives(served: Served) -> None:
    data = body(9_000)
    async with running(served) as client:
        job = await send(client, data, "radius=0.5&limit=3&magpsf__lte=18&fields=candid,magpsf")
        assert (job.status, job.positions, job.done, job.result) == ("queued", 9_000, 0, None)
        done = await ended(client, job.id)
        assert (done.status, done.done, done.error) == ("done", 9_000, None)
        file = await fetched(client, done)
        assert len(file) == done.size
        found = rows_of(file)
        assert len(found) == done.matches
        at_once = await client.post(
            "/api/v1/match?radius=0.5&limit=3&magpsf__lte=18&fields=candid,magpsf&format=parquet",
            content=data,
            headers={"Content-Type": "text/csv"},
        )
        assert found == rows_of(at_once.content)
        assert len(found) > 900
        assert any(row["truncated"] for row in found)
        # Positions are not kept longer than they are needed.
        assert await keys(served.settings, job.id) == [results.result_key(job.id, FILE)]
        assert (await client.delete(f"/api/v1/jobs/{job.id}")).status_code == 204
        assert await keys(served.settings, job.id) == []


async def test_the_result_is_a_download(served: Served) -> None:
    async with running(served) as client:
        job = await ended(client, (await send(client, body(100))).id)
        file = await fetched(client, job)
        path = f"/api/v1/jobs/{job.id}/matches.parquet"
        part = await client.get(path, headers={"Range": "bytes=-4"})
        assert (part.status_code, part.content) == (206, b"PAR1")
        head = await client.head(path)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(file)))
        same = await client.get(path, headers={"If-None-Match": head.headers["etag"]})
        assert same.status_code == 304
        assert rows_of(file)[0].keys() > {"index", "id", "separation_arcsec", "ra", "rb"}


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
async def test_a_job_outlives_its_process(served: Served, ending: signal.Signals) -> None:
    """One process is ended in mid-job; this one, with an app of its own, goes on with it."""
    async with running(served, jobs_run=False):
        pass
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    async with (
        process(served.settings, port) as app,
        httpx.AsyncClient(base_url=base, timeout=HANGS_S) as client,
    ):
        async with held_in_its_middle(client, served.settings) as job:
            app.send_signal(ending)
            if ending == signal.SIGKILL:
                await app.wait()
        await app.wait()
    # What comes in meanwhile is not in the result: the job's batch was fixed when it was sent.
    async with serving(served.settings.model_copy(update={"jobs_run": True})) as client:
        done = await ended(client, job.id)
        assert (done.status, done.done) == ("done", job.positions)
        interrupted = await fetched(client, done)
        undisturbed = await ended(client, (await send(client, body(job.positions))).id)
        assert rows_of(interrupted) == rows_of(await fetched(client, undisturbed))
        assert len(rows_of(interrupted)) == done.matches
        assert len(rows_of(interrupted)) >= job.positions / 10
    admin = await asyncpg.connect(admin_url(served.settings))
    assert await admin.fetchval("SELECT starts FROM app.job WHERE id = $1", job.id) == 2
    assert await admin.fetchval("SELECT count(*) FROM app.pgqueuer") == 0
    await admin.close()


async def test_a_deleted_job_ends_and_leaves_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = Matcher.pieces

    async def slow(self: Matcher, *args: Any) -> AsyncIterator[Piece]:
        async for piece in pieces(self, *args):
            await asyncio.sleep(0.2)
            yield piece

    monkeypatch.setattr(Matcher, "pieces", slow)
    async with running(served) as client:
        job, after = await send(client, body(15_000)), await send(client, body(20))
        await until(client, job.id, lambda now: now.done > 0)
        assert (await status(client, after.id)).status == "queued"
        result = await client.get(f"/api/v1/jobs/{job.id}/matches.parquet")
        assert (result.status_code, result.json()["detail"]) == (
            404,
            "this job has no result: its status is running",
        )
        assert (await client.delete(f"/api/v1/jobs/{job.id}")).status_code == 204
        for path in (f"/api/v1/jobs/{job.id}", f"/api/v1/jobs/{job.id}/matches.parquet"):
            assert (await client.get(path)).status_code == 404
        assert (await client.delete(f"/api/v1/jobs/{job.id}")).status_code == 404
        assert (await ended(client, after.id)).status == "done"
        assert await keys(served.settings, after.id) == [results.result_key(after.id, FILE)]
        assert await keys(served.settings, job.id) == []


async def test_a_job_outlives_its_connections(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that the app has are cut in mid-job, as by a restart of PostgreSQL."""
    monkeypatch.setattr(worker, "PAUSE", timedelta(seconds=0.1))
    pieces, cut = Matcher.pieces, asyncio.Event()

    async def waiting(self: Matcher, *args: Any) -> AsyncIterator[Piece]:
        async for piece in pieces(self, *args):
            yield piece
            await cut.wait()

    monkeypatch.setattr(Matcher, "pieces", waiting)
    async with running(served) as client:
        job = await send(client, body(2_000))
        await until(client, job.id, lambda now: now.status == "running")
        admin = await asyncpg.connect(admin_url(served.settings))
        ended_now = await admin.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'mars-app%'"
        )
        await admin.close()
        assert ended_now >= 3
        cut.set()
        async with asyncio.timeout(HANGS_S):
            while (await client.get(f"/api/v1/jobs/{job.id}")).status_code == 503:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        done = await ended(client, job.id)
        assert (done.status, done.done) == ("done", 2_000)
        assert len(rows_of(await fetched(client, done))) == done.matches


async def test_a_job_that_the_queue_forgot_is_found_again(served: Served) -> None:
    async with running(served, jobs_run=False) as client:
        job = await send(client, body(10))
        admin = await asyncpg.connect(admin_url(served.settings))
        assert await admin.execute("DELETE FROM app.pgqueuer") == "DELETE 1"
        await admin.close()
        settings = served.settings.model_copy(update={"jobs_run": True})
        async with serving(settings) as other:
            assert (await ended(other, job.id)).status == "done"


async def test_a_client_has_only_so_many(served: Served) -> None:
    async with running(served, jobs_run=False, jobs_per_client=3) as client:
        jobs = [await send(client, body(10)) for _ in range(3)]
        assert len({job.id for job in jobs}) == 3
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", job.id) for job in jobs)
        refused = await client.post(
            f"{JOBS}?radius=1", content=body(10), headers={"Content-Type": "text/csv"}
        )
        assert refused.status_code == 429
        assert "DELETE one" in refused.json()["detail"]
        await client.delete(f"/api/v1/jobs/{jobs[0].id}")
        both = await asyncio.gather(
            *(
                client.post(
                    f"{JOBS}?radius=1", content=body(10), headers={"Content-Type": "text/csv"}
                )
                for _ in range(4)
            )
        )
        assert sorted(answer.status_code for answer in both) == [202, 429, 429, 429]


async def test_what_is_refused_leaves_nothing_behind(served: Served) -> None:
    async with running(served, jobs_run=False) as client:
        before = await keys(served.settings)
        bad = body(25_000) + b"\nlast,400,0"
        for data, query, code in (
            (bad, "radius=1", 422),
            (body(25_000) + b"\n1", "radius=1", 400),
            (body(10), "radius=1&format=csv", 422),
            (body(10), "radius=1&as_of=99", 422),
            (body(10), "radius=1&cone=1,2,3", 422),
        ):
            answer = await client.post(
                f"{JOBS}?{query}", content=data, headers={"Content-Type": "text/csv"}
            )
            assert answer.status_code == code, answer.text
        assert await keys(served.settings) == before
        for path in ("/api/v1/jobs/x", f"/api/v1/jobs/{'a' * 32}", "/api/v1/jobs/%00"):
            assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize("committed", [True, False])
async def test_a_job_that_may_be_there_keeps_its_positions(
    served: Served, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """Where the connection breaks at COMMIT nobody knows what the server made of it."""
    add = Jobs._add

    async def broken(self: Jobs, *args: Any) -> Any:
        if committed:
            await add(self, *args)
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of COMMIT")

    monkeypatch.setattr(Jobs, "_add", broken)
    async with running(served, jobs_run=False) as client:
        before = await keys(served.settings)
        if committed:
            job = await send(client, body(10))
            assert len(await keys(served.settings, job.id)) == 1
        else:
            answer = await client.post(
                f"{JOBS}?radius=1", content=body(10), headers={"Content-Type": "text/csv"}
            )
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert len(await keys(served.settings)) == len(before) + 1


async def test_jobs_are_looked_after_whatever_happens(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, again = 0, asyncio.Event()

    async def faulty(self: Jobs) -> int:
        nonlocal looks
        looks += 1
        if looks > 2:
            again.set()
            return 0
        raise ZeroDivisionError

    monkeypatch.setattr(worker, "LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(Jobs, "requeue", faulty)
    async with running(served) as client:
        await asyncio.wait_for(again.wait(), 20)
        text = (await client.get("/metrics")).text
    assert 'mars_job_troubles_total{part="keeping"} 2.0' in text


async def test_without_a_database_of_its_own_there_are_no_jobs(served: Served) -> None:
    settings = served.settings.model_copy(
        update={"app_database_url": type(served.settings.database_url)("")}
    )
    async with serving(settings) as client:
        answer = await client.post(
            f"{JOBS}?radius=1", content=body(1), headers={"Content-Type": "text/csv"}
        )
        assert answer.status_code == 503
        assert "does not run jobs" in answer.json()["detail"]
        assert (await client.get("/readyz")).status_code == 200


async def test_a_job_that_cannot_end_fails_with_the_reason(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_costly(self: Matcher, *args: Any) -> AsyncIterator[Piece]:
        raise QueryTooCostly
        yield

    async def broken(self: Matcher, *args: Any) -> AsyncIterator[Piece]:
        raise ZeroDivisionError
        yield

    async with running(served) as client:
        for fault, reason in ((too_costly, "too long"), (broken, "has been logged")):
            monkeypatch.setattr(Matcher, "pieces", fault)
            failed = await ended(client, (await send(client, body(5))).id)
            assert failed.status == "failed"
            assert failed.error is not None
            assert reason in failed.error
        monkeypatch.undo()
        admin = await asyncpg.connect(admin_url(served.settings))
        await admin.execute(f"ALTER TABLE app.job ALTER starts SET DEFAULT {MAX_STARTS}")
        try:
            given_up = await ended(client, (await send(client, body(5))).id)
        finally:
            await admin.execute("ALTER TABLE app.job ALTER starts SET DEFAULT 0")
            await admin.close()
        assert given_up.error is not None
        assert "given up" in given_up.error


async def test_what_expired_is_swept(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(served) as client:
        jobs = [await ended(client, (await send(client, body(5))).id) for _ in range(2)]
    admin = await asyncpg.connect(admin_url(served.settings))
    await admin.execute(
        "UPDATE app.job SET expires = now() - interval '1 s' WHERE id = $1", jobs[0].id
    )
    async with serving(served.settings) as client:
        assert (await client.get(f"/api/v1/jobs/{jobs[0].id}")).status_code == 404
    gone, kept, unfinished = jobs[0].id, jobs[1].id, "u" * 32

    async def statuses() -> dict[str, str]:
        return {kept: "done", unfinished: "running"}

    async with open_store(served.settings) as store:
        fresh = await results.sweep(store, statuses)
        assert results.result_key(gone, FILE) not in fresh  # it is not a day old yet
        for job in (gone, kept, unfinished):
            place: Any = {"Bucket": served.settings.s3_bucket, "Key": results.result_key(job, FILE)}
            await store._client.create_multipart_upload(**place)
        await store.put("ztf/not-ours", b"x")
        monkeypatch.setattr(results, "ORPHANED", timedelta(seconds=-5))
        swept = await results.sweep(store, statuses)
        assert swept.count(results.result_key(gone, FILE)) == 2  # the object, and the upload
        assert swept.count(results.result_key(kept, FILE)) == 1
        assert await keys(served.settings) == [results.result_key(kept, FILE)]
        ((key, upload),) = await store.uploads(results.PREFIX)
        assert key == results.result_key(unfinished, FILE)
        await store.drop_upload(key, upload)
        assert await store.get("ztf/not-ours", 0, 1) == b"x"
    await admin.close()


async def test_a_large_object_is_there_whole_or_not_at_all(served: Served) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for n in range(count):
            yield bytes([n]) * 1_000_000

    async def breaking() -> AsyncIterator[bytes]:
        async for piece in pieces(20):
            yield piece
        raise ZeroDivisionError

    async with open_store(served.settings) as store:
        assert await store.put_stream("results/big", pieces(20)) == 20_000_000
        whole = await store.get("results/big", 0, 20_000_000)
        assert whole == b"".join([piece async for piece in pieces(20)])
        with pytest.raises(ZeroDivisionError):
            await store.put_stream("results/big", breaking())
        assert await store.get("results/big", 0, 20_000_000) == whole
        assert await store.put_stream("results/none", pieces(0)) == 0
        assert {key for key, _ in await store.keys("results/")} >= {"results/big", "results/none"}
        for key in ("results/big", "results/none", "results/never"):
            await store.delete(key)


async def test_the_queues_tables_are_those_of_the_installed_version(served: Served) -> None:
    owner = await asyncpg.connect(
        url_of("owner", database_of(served.settings)).replace("+asyncpg", "")
    )
    plan = await open_queue(owner).plan_upgrade()
    assert plan.statements == (), plan
    await owner.close()


def test_only_results_writes_to_the_store() -> None:
    writing = re.compile(r"store\.(put|put_stream|delete|drop_upload)\(")
    assert {
        path.name for path in (ROOT / "app").rglob("*.py") if writing.search(path.read_text())
    } == {"results.py"}
    assert all(hasattr(ObjectStore, name) for name in ("put", "put_stream", "delete"))
    assert results.result_key("x", FILE).startswith("results/")


async def test_a_result_read_slowly_comes_whole(served: Served) -> None:
    """The store closes the connection again and again, in the midst of it."""
    data, job = np.random.default_rng(5).bytes(3_000_000), new_id()

    async def pieces() -> AsyncIterator[bytes]:
        yield data

    async with open_jobs(served.settings) as jobs, open_store(served.settings) as store:
        assert jobs is not None
        told: Any = {"kind": MATCH, "file": FILE, "parts": [], "parameters": []}
        await jobs.add(job, "one who reads slowly", expected=1, as_of=1, **told)
        begun = await jobs.start(job)
        assert begun is not None
        size = await results.put_result(store, job, FILE, pieces())
        assert await jobs.end(Progress(job, begun.starts), "done", size=size, found=1)
    async with cutting(served.settings.s3_endpoint_url, 500_000) as proxy:
        cut = served.settings.model_copy(update={"s3_endpoint_url": proxy.address})
        async with serving(cut) as client:
            address, got = f"/api/v1/jobs/{job}/matches.parquet", bytearray()
            async with client.stream("GET", address) as answer:
                async for chunk in answer.aiter_raw(100_000):
                    got += chunk
                    await asyncio.sleep(0.02)
            assert answer.status_code == 200
            assert bytes(got) == data
            assert proxy.cut >= 5
