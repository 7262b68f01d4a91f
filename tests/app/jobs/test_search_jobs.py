"""Searches as jobs, from end to end: sent in three ways, run, capped, killed, fetched, deleted."""

import asyncio
import io
import signal
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx
import pyarrow.parquet
import pytest
from sqlalchemy import func, select

from app.alerts.access.archive import Archive, open_archive, open_lasting
from app.alerts.asking import searching
from app.alerts.jobs import FILES
from app.alerts.models import FileFormat, SearchJob, Suffix
from app.alerts.output import exports
from app.alerts.sql.statements import compile_statement
from app.answers.formats import FORMATS
from app.search.search import Search
from tests import packets
from tests.app import sky
from tests.app.answers import readers
from tests.app.conftest import Served, fresh_archive, serving, take_in
from tests.app.jobs.running import HANGS_S, admin_url, free_port, keys, locked, process, running

JOBS = "/api/v1/search/jobs"
ALERTS = "/api/v1/alerts"
CHUNK = 20


@pytest.fixture(autouse=True)
def chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same code on a small archive: twenty alerts at once."""
    monkeypatch.setattr(exports, "CHUNK", CHUNK)


async def send(client: httpx.AsyncClient, **query: Any) -> SearchJob:
    """Send a query as a JSON object."""
    return accepted(await client.post(JOBS, json=query))


def accepted(answer: httpx.Response) -> SearchJob:
    assert answer.status_code == 202, answer.text
    job = SearchJob.model_validate(answer.json())
    assert answer.headers["location"].endswith(f"/api/v1/jobs/{job.id}")
    assert answer.headers["cache-control"] == "no-store"
    return job


async def status(client: httpx.AsyncClient, job: str) -> SearchJob:
    answer = await client.get(f"/api/v1/jobs/{job}")
    assert answer.status_code == 200, answer.text
    return SearchJob.model_validate(answer.json())


async def until(
    client: httpx.AsyncClient, job: str, true: Callable[[SearchJob], bool]
) -> SearchJob:
    """The job as soon as something is true of it."""
    async with asyncio.timeout(HANGS_S):
        while not true(now := await status(client, job)):  # noqa: ASYNC110 - it is elsewhere
            await asyncio.sleep(0.05)
    return now


async def ended(client: httpx.AsyncClient, job: SearchJob) -> SearchJob:
    return await until(client, job.id, lambda now: now.status in ("done", "failed"))


async def fetched(client: httpx.AsyncClient, job: SearchJob) -> httpx.Response:
    assert job.result is not None, job.error
    answer = await client.get(httpx.URL(job.result).path)
    assert answer.status_code == 200
    return answer


def candids(name: str, body: bytes) -> list[str]:
    """What a file holds."""
    read = {reader[0]: reader[1] for reader in readers.READERS.values()}[name]
    return [str(row["candid"]) for row in read(body)]


async def waiting(admin: "asyncpg.Connection[Any]") -> int:
    """Statements of jobs that wait for that lock."""
    count: int = await admin.fetchval(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database() AND application_name = 'mars-app-lasting'"
    )
    return count


async def becomes(admin: "asyncpg.Connection[Any]", wanted: int) -> None:
    async with asyncio.timeout(HANGS_S):
        while await waiting(admin) != wanted:  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.05)


def test_every_format_and_its_suffix_is_in_openapi() -> None:
    assert (list(FileFormat), {*Suffix}) == (list(FILES), set(FILES.values()))


@pytest.mark.parametrize("name", FILES)
async def test_the_file_of_a_job_is_that_of_an_export(served: Served, name: str) -> None:
    async with running(served) as client:
        query: dict[str, Any] = {
            "magpsf__lt": 17.5,
            "where": ["rb__gte:0.2", "dec__gt:-89"],
            "sort": "candid",
        }
        job = await send(client, **query, format=name)
        assert (job.status, job.alerts, job.truncated, job.result) == ("queued", None, None, None)
        assert (job.format, job.cap) == (name, 5_000_000)
        done = await ended(client, job)
        exported = await client.get(ALERTS, params=query | {"format": name, "limit": 1_000_000})
        wanted = candids(name, exported.content)
        file = await fetched(client, done)
        assert file.headers["content-type"] == FORMATS[name].media_type
        assert file.headers["content-disposition"].endswith(f'"alerts.{FILES[name]}"')
        assert (done.status, done.error, done.size) == ("done", None, len(file.content))
        assert (done.alerts, done.done, done.truncated) == (len(wanted), len(wanted), False)
        assert (done.expected, done.is_estimate) == (len(wanted), False)
        assert candids(name, file.content) == wanted
        assert len(wanted) > 2 * CHUNK
        if name in ("csv", "jsonl"):
            assert file.content == exported.content
        assert await keys(served.settings, job.id) == [f"results/{job.id}/alerts.{FILES[name]}"]
        assert (await client.delete(f"/api/v1/jobs/{job.id}")).status_code == 204
        assert await keys(served.settings, job.id) == []


async def test_a_query_comes_in_three_ways(served: Served) -> None:
    object_id = sky.OBJECT
    async with running(served, jobs_run=False, jobs_per_client=100) as client:
        same = [
            await client.post(f"{JOBS}?magpsf__lt=17&where=rb__gte:0.2&fields=candid,rb"),
            await client.post(
                JOBS, json={"magpsf__lt": 17, "where": "rb__gte:0.2", "fields": ["candid", "rb"]}
            ),
            await client.post(
                JOBS, data={"magpsf__lt": "17", "where": "rb__gte:0.2", "fields": "candid,rb"}
            ),
            await client.post(f"{JOBS}?magpsf__lt=17&fields=", json={"where": ["rb__gte:0.2"]}),
        ]
        *whole, parts = [accepted(answer).query for answer in same]
        assert set(whole) == {"magpsf__lt=17&where=rb__gte:0.2&fields=candid,rb&format=parquet"}
        assert parts == "magpsf__lt=17&where=rb__gte:0.2&format=parquet"
        typed = await send(
            client, isdiffpos=True, cone=[150, 30, 1.5], object_id=[object_id, "ZTF26aaaa001"]
        )
        assert typed.query == (
            f"isdiffpos=true&cone=150,30,1.5&object_id={object_id},ZTF26aaaa001&format=parquet"
        )
        assert accepted(await client.post(JOBS)).query == "format=parquet"


@pytest.mark.parametrize(
    ("address", "sent", "code", "words"),
    [
        (
            "?magpsf__lt=17",
            ("json", b'{"magpsf__lt": 18}'),
            422,
            "magpsf__lt: given more than once",
        ),
        ("?limit=17", ("json", b'{"limit": 18}'), 422, "limit: given more than once"),
        ("", ("json", b'{"rb__gt": 1, "rb__gt": 2}'), 422, "rb__gt: given more than once"),
        ("", ("json", b'{"magpsf__lte": {"a": 1}}'), 422, "magpsf__lte: must be a text, a number"),
        ("", ("json", b'{"magpsf__lte": null}'), 422, "must be a text, a number"),
        ("", ("json", b'{"magpsf__lte": " "}'), 422, "must not be blank: leave it out"),
        ("", ("json", b'{"candid__in": []}'), 422, "must not be an empty list"),
        ("", ("json", b'{"object_id": ["a,b"]}'), 422, "must not hold a comma"),
        ("", ("json", b'{"magpfs__lt": 1}'), 422, "did you mean 'magpsf__lt'?"),
        ("", ("json", b'{"magpsf__lt": 1e400}'), 422, "magpsf__lt: "),
        ("", ("json", b'{"magpsf__lt": NaN}'), 400, "NaN is not a JSON number"),
        ("", ("json", b'{"\\ud800": 1}'), 400, "cannot be printed"),
        ("", ("json", b'["magpsf__lt"]'), 400, "must be a JSON object"),
        ("", ("json", b"{"), 400, "not JSON"),
        ("", ("json", b"[" * 50_000), 400, "nested too deeply"),
        ("", ("json", b'"\xff"'), 400, "not UTF-8"),
        ("", ("json", b'{"where": [%s]}' % b",".join([b'"rb:0"'] * 65)), 400, "at most 64"),
        ("", ("xml", b"<a/>"), 415, "Content-Type must be one of application/json"),
        ("?format=json", ("json", b""), 422, "must be one of jsonl, csv, votable, parquet"),
        ("?format=votabel", ("json", b""), 422, "did you mean 'votable'?"),
        ("?limit=5000001", ("json", b""), 422, "limit: must be between 1 and 5000000"),
        ("?limit=0", ("json", b""), 422, "limit: must be between 1 and 5000000"),
        ("?count=exact", ("json", b""), 422, "a job tells how many alerts it finds"),
        ("?sort=magpsf", ("json", b""), 422, "sorting by this field needs"),
        ("?as_of=99", ("json", b""), 422, "the newest batch is 2"),
        ("?after=1", ("json", b""), 422, "there is no alert"),
        ("", ("json", b" " * 100_001), 413, "at most 100,000 bytes"),
    ],
)
async def test_what_cannot_be_asked_is_refused_in_words(
    served: Served, address: str, sent: tuple[str, bytes], code: int, words: str
) -> None:
    kind, body = sent
    async with running(served, jobs_run=False) as client:
        answer = await client.post(
            JOBS + address, content=body, headers={"Content-Type": f"application/{kind}"}
        )
    assert (answer.status_code, words in answer.json()["detail"]) == (code, True), answer.text


async def test_a_capped_result_says_so_and_can_be_gone_on_with(served: Served) -> None:
    everything = await served.candids({"limit": 1000})
    async with running(served, job_rows=150, jobs_per_client=20) as client:
        capped = await ended(client, await send(client, fields="candid", format="csv"))
        assert (capped.alerts, capped.cap, capped.truncated) == (150, 150, True)
        assert capped.expected == 150
        *lines, comment = (await fetched(client, capped)).text.splitlines()
        assert lines[1:] == everything[:150]
        assert comment == f"# truncated: more matched; next={capped.next} as_of=2"
        cursor, found = capped.next, lines[1:]
        while cursor:
            more = await send(client, fields="candid", format="csv", cursor=cursor, limit=120)
            done = await ended(client, more)
            lines = (await fetched(client, done)).text.splitlines()[1:]
            found += [line for line in lines if not line.startswith("#")]
            cursor = done.next
        assert found == everything
        whole = await ended(client, await send(client, fields="candid", cone=[150, 30, 2]))
        assert (whole.truncated, whole.next) == (False, None)
        behind = await send(client, after=everything[99], fields="candid", format="csv", limit=2)
        lines = (await fetched(client, await ended(client, behind))).text.splitlines()
        assert lines[1:3] == everything[100:102]


async def test_the_batch_is_that_of_the_sending() -> None:
    async with fresh_archive() as settings:
        await take_in(settings, sky.first_batch()[:50], "ztf_20260131_programid1")
        async with serving(settings) as client:
            job, empty = (
                await send(client, format="jsonl"),
                await send(client, rb__gt=2, format="jsonl"),
            )
            assert job.as_of == 1
        late = packets.packet(candid=sky.LATE + 9, object_id="ZTF26late", cutouts=None)
        await take_in(settings, [late], "ztf_20260131_programid1", 1000)
        async with serving(settings.model_copy(update={"jobs_run": True})) as client:
            done = await ended(client, job)
            assert (done.alerts, done.as_of, done.expected) == (50, 1, 50)
            assert len((await fetched(client, done)).text.splitlines()) == 50
            assert (await ended(client, await send(client))).alerts == 51
            nothing = await ended(client, empty)
            assert (nothing.alerts, nothing.size, nothing.truncated) == (0, 0, False)
            assert (await fetched(client, nothing)).content == b""


async def test_progress_and_a_name_for_each_kind(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = 0, asyncio.Event()
    alerts = searching.find_alerts

    async def held(archive: Archive, search: Search) -> Any:
        nonlocal asked
        asked += search.limit == CHUNK
        if asked == 4:
            await go_on.wait()
        return await alerts(archive, search)

    everything = await served.candids({"limit": 1000, "dec__gt": 0})
    monkeypatch.setattr(searching, "find_alerts", held)
    async with running(served) as client:
        job = await send(client, dec__gt=0)
        now = await until(client, job.id, lambda now: now.done > 0)
        assert (now.status, now.done, now.expected) == ("running", 3 * CHUNK, len(everything))
        assert (now.alerts, now.truncated, now.result) == (None, None, None)
        answer = await client.get(f"/api/v1/jobs/{job.id}/alerts.parquet")
        assert answer.json()["detail"] == "this job has no result: its status is running"
        go_on.set()
        done = await ended(client, job)
        assert done.alerts == len(everything)
        for file in ("matches.parquet", "alerts.csv"):
            answer = await client.get(f"/api/v1/jobs/{job.id}/{file}")
            assert answer.status_code == 404
            words = f"the result of this job is not {file} but alerts.parquet"
            assert answer.json()["detail"] == words
        assert (await client.get(f"/api/v1/jobs/{job.id}/alerts.xls")).status_code == 404


async def test_a_job_is_patient_where_a_list_is_not(served: Served) -> None:
    changed = {"statement_timeout_s": 0.3, "database_timeout_s": 3.0}
    async with running(served, **changed) as client:
        async with locked(served.settings) as admin:
            job = await send(client, magpsf__lt=17)
            await becomes(admin, 1)
            refused = await client.get(ALERTS, params={"magpsf__lt": 17})
            assert refused.status_code == 503
            assert "POST /api/v1/search/jobs takes the same parameters" in refused.json()["detail"]
            assert await waiting(admin) == 1
        assert (await ended(client, job)).status == "done"


@pytest.mark.parametrize("places", [1, 2])
async def test_its_statements_take_one_place_and_leave_one(served: Served, places: int) -> None:
    settings = served.settings.model_copy(update={"costly_pool_size": places})
    async with open_archive(settings) as archive, open_lasting(archive, settings, 60) as lasting:
        limit = compile_statement(select(func.current_setting("statement_timeout")))
        assert [tuple(row) for row in await lasting.fetch(limit)] == [("10min",)]
        async with locked(settings) as admin:
            job = asyncio.create_task(searching.count_alerts(lasting, Search()))
            await becomes(admin, 1)
            assert archive.gate.free == 1
            job.cancel()
            await asyncio.wait({job})
        assert archive.gate.free == places


async def test_a_deleted_job_ends_in_the_midst_of_a_statement(served: Served) -> None:
    async with running(served) as client:
        async with locked(served.settings) as admin:
            job, after = await send(client), await send(client, magpsf__lt=16)
            await becomes(admin, 1)
            assert (await status(client, job.id)).status == "running"
            assert (await client.delete(f"/api/v1/jobs/{job.id}")).status_code == 204
            await until(client, after.id, lambda now: now.status == "running")
        assert (await ended(client, after)).status == "done"
        assert await keys(served.settings, job.id) == []


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
async def test_a_job_outlives_its_process(served: Served, ending: signal.Signals) -> None:
    async with running(served, jobs_run=False):
        pass
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, timeout=HANGS_S) as client:
        async with process(served.settings, port) as app, locked(served.settings) as admin:
            job = await send(client, sort="candid")
            await becomes(admin, 1)
            app.send_signal(ending)
            await app.wait()
        async with process(served.settings, port):
            done = await ended(client, job)
            interrupted = await fetched(client, done)
            undisturbed = await ended(client, await send(client, sort="candid"))
            assert interrupted.content == (await fetched(client, undisturbed)).content
            table = pyarrow.parquet.read_table(io.BytesIO(interrupted.content))
            assert table.num_rows == done.alerts == len(await served.candids({"limit": 1000}))
    admin = await asyncpg.connect(admin_url(served.settings))
    assert await admin.fetchval("SELECT starts FROM app.job WHERE id = $1", job.id) == 2
    await admin.close()


async def test_matches_and_searches_of_a_client_are_counted_together(served: Served) -> None:
    async with running(served, jobs_run=False, jobs_per_client=2) as client:
        await send(client)
        match = await client.post(
            "/api/v1/match/jobs?radius=1", json={"positions": [{"ra": 1, "dec": 2}]}
        )
        assert match.status_code == 202
        refused = await client.post(JOBS)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        for file in ("alerts.parquet", "alerts.csv"):
            answer = await client.get(f"/api/v1/jobs/{match.json()['id']}/{file}")
            assert "but matches.parquet" in answer.json()["detail"]


async def test_a_query_that_takes_too_long_fails_with_advice(served: Served) -> None:
    async with running(served, job_statement_timeout_s=0.5) as client:
        async with locked(served.settings):
            failed = await ended(client, await send(client, dec__gt=0))
        assert failed.status == "failed"
        assert failed.error is not None
        assert failed.error.startswith("a query took too long: narrow the search with a cone")
