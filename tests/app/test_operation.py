"""Health, readiness, metrics, nights, headers, problems, and parts that are down."""

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from app.answers.models import Problem
from app.errors import DATABASE_ERRORS
from app.main import SWITCH_S, create_app
from app.nights.models import Night, NightList
from app.openapi.document import canonical_text
from app.routes.health import Readiness
from app.settings import Settings
from tests.app import sky
from tests.app.conftest import NIGHT, Served, database_of, fresh_archive, serving
from tests.conftest import url_of

ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"


async def test_openapi_is_the_committed_one() -> None:
    committed = (ROOT / "openapi.json").read_text()
    assert canonical_text(create_app(Settings()).openapi()) == committed, "run `make openapi`"


async def test_openapi_document(served: Served) -> None:
    document = (await served.client.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    operations = [op for path in document["paths"].values() for op in path.values()]
    names = [op["operationId"] for op in operations]
    assert len(names) == len(set(names))
    assert {"list_alerts", "get_alert", "get_avro", "get_cutout_png", "list_nights"} <= set(names)
    assert all(len(op["tags"]) == 1 for op in operations)
    assert "itemSchema" not in json.dumps(document)
    assert "HTTPValidationError" not in json.dumps(document)
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert referred <= document["components"]["schemas"].keys()
    for op in operations:
        for status, answer in op["responses"].items():
            if status >= "400" and op["operationId"] != "get_readiness":
                assert list(answer["content"]) == ["application/problem+json"]
        for p in op.get("parameters", []):
            named = p["schema"].get("$ref", "").rpartition("/")[2]
            own = document["components"]["schemas"].get(named, {})
            told = p.keys() | p["schema"].keys() | own.keys()
            assert {"example", "examples"} & told or p["name"] in _MADE_BY_ANSWERS, p


_MADE_BY_ANSWERS = ("cursor", "as_of", "region")


async def test_health(served: Served) -> None:
    assert (await served.client.get("/healthz")).json() == {"status": "ok"}
    ready = await served.client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


def test_threads_let_the_loop_go_on_soon(served: Served) -> None:
    assert sys.getswitchinterval() == pytest.approx(SWITCH_S)


async def test_metrics(served: Served) -> None:
    await served.client.get(f"/api/v1/alerts/{sky.FIRST}")
    text = (await served.client.get("/metrics")).text
    assert 'route="/api/v1/alerts/{candid}",status="200"' in text
    assert str(sky.FIRST) not in text
    assert "mars_database_connections_in_use 0.0" in text


async def test_nights(served: Served) -> None:
    body = (await served.client.get("/api/v1/nights")).json()
    NightList.model_validate(body)
    (night,) = body["items"]
    one = await served.client.get(f"/api/v1/nights/{NIGHT:%Y%m%d}")
    assert one.json() == night
    Night.model_validate(night)
    stored = len(sky.first_batch()) + len(sky.second_batch())
    assert (night["night"], night["received"], night["stored"]) == ("2026-01-31", stored, stored)
    assert [topic["topic"] for topic in night["topics"]] == ["ztf_20260131_programid1"]
    assert (await served.client.get("/api/v1/nights/20260130")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/alerts?colour=1", 422),
        ("GET", "/api/v1/alerts/1?colour=1", 422),
        ("GET", "/api/v1/nights?page=1", 422),
        ("GET", "/api/v1/alerts/1", 404),
        ("GET", "/nothing", 404),
        ("POST", "/api/v1/alerts", 405),
        ("DELETE", "/healthz", 405),
    ],
)
async def test_problems(served: Served, method: str, path: str, status: int) -> None:
    answer = await served.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(answer.json())
    assert problem.status == status
    assert problem.instance == path.partition("?")[0]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/api/v1/alerts?limit=1"]
)
async def test_head(served: Served, path: str) -> None:
    whole = await served.client.get(path)
    head = await served.client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


async def test_request_id_is_echoed_if_it_is_sound(served: Served) -> None:
    for given, kept in (("abc-1:2/3", True), ("a b", False), ("x" * 129, False), ("", False)):
        answer = await served.client.get("/healthz", headers={"x-request-id": given})
        assert (answer.headers["x-request-id"] == given) is kept


async def test_cors(served: Served) -> None:
    answer = await served.client.get("/api/v1/nights", headers={"origin": "https://example.org"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    asked = {"origin": "https://example.org", "access-control-request-method": "GET"}
    assert (await served.client.options("/api/v1/alerts", headers=asked)).status_code == 200


async def test_json_is_cached_and_compressed(served: Served) -> None:
    plain = await served.client.get("/api/v1/alerts", headers={"accept-encoding": "identity"})
    squeezed = await served.client.get("/api/v1/alerts", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert squeezed.headers["content-encoding"] == "gzip"
    assert squeezed.json() == plain.json()
    assert squeezed.headers["etag"] != plain.headers["etag"]
    again = {"if-none-match": plain.headers["etag"], "accept-encoding": "identity"}
    answer = await served.client.get("/api/v1/alerts", headers=again)
    assert (answer.status_code, answer.content) == (304, b"")


def owner_of(settings: Settings) -> str:
    """The address of the app's database for its owner."""
    return url_of("owner", database_of(settings)).replace("+asyncpg", "")


async def test_an_outdated_schema(served: Served) -> None:
    async with fresh_archive() as settings:
        owner = await asyncpg.connect(owner_of(settings))
        await owner.execute("INSERT INTO migration VALUES (9999, 'from the future')")
        async with serving(settings) as client:
            assert (await client.get("/healthz")).status_code == 200
            ready = await client.get("/readyz")
            assert ready.status_code == 503
            assert "9999" in Readiness.model_validate(ready.json()).database
            answer = await client.get("/api/v1/alerts")
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
            await owner.execute("DELETE FROM migration WHERE number = 9999")
            assert (await client.get("/api/v1/alerts")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
        await owner.close()


async def expect_unavailable(client: Any, path: str) -> str:
    answer = await client.get(path)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]
    detail: str = answer.json()["detail"]
    return detail


async def test_database_down(served: Served) -> None:
    gone = SecretStr("postgresql+asyncpg://mars_reader:x@127.0.0.1:9/mars")
    settings = served.settings.model_copy(update={"database_url": gone})
    async with serving(settings) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).json()["store"] == "ok"
        assert "database" in await expect_unavailable(client, "/api/v1/alerts")


async def test_a_connection_that_ends_as_it_is_asked(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncpg then tells an error that is no kind of its others."""

    async def ended(*_: Any, **__: Any) -> Any:
        raise asyncpg.InternalClientError("cannot switch to state 12")

    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.Connection, "fetch", ended)
        assert "database" in await expect_unavailable(served.client, "/api/v1/alerts?limit=7")
    assert (await served.client.get("/api/v1/alerts?limit=7")).status_code == 200


async def test_store_down(served: Served) -> None:
    settings = served.settings.model_copy(update={"s3_endpoint_url": NOWHERE, "s3_timeout_s": 2.0})
    async with serving(settings) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["database"]) == (503, "ok")
        assert (await client.get("/api/v1/alerts")).status_code == 200
        detail = await expect_unavailable(client, f"/api/v1/alerts/{sky.FIRST}/avro")
        assert "object store" in detail


async def test_a_password_that_is_no_longer_right(served: Served) -> None:
    """What an operator must mend is 503 with its name, and no error of ours."""
    url = make_url(served.settings.database_url.get_secret_value()).set(password="former")
    former = SecretStr(url.render_as_string(hide_password=False))
    async with serving(served.settings.model_copy(update={"database_url": former})) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["store"]) == (503, "ok")
        assert "does not let this server in" in ready.json()["database"]
        assert "does not let this server in" in await expect_unavailable(client, "/api/v1/alerts")


async def test_a_query_that_takes_too_long(served: Served) -> None:
    settings = served.settings.model_copy(update={"statement_timeout_s": 0.3})
    blocker = await asyncpg.connect(owner_of(settings))
    async with serving(settings) as client:
        await client.get("/readyz")
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE alert IN ACCESS EXCLUSIVE MODE")
            assert "too long" in await expect_unavailable(client, "/api/v1/alerts")
        assert (await client.get("/api/v1/alerts")).status_code == 200
        metrics = (await client.get("/metrics")).text
        assert "mars_database_connections_in_use 0.0" in metrics
    await blocker.close()


async def test_the_queries_of_a_request_share_its_time(served: Served) -> None:
    """With one connection the second asks when the first has given up: it has little time left."""
    few = {"statement_timeout_s": 2.0, "database_timeout_s": 2.4, "database_pool_size": 1}
    blocker = await asyncpg.connect(owner_of(served.settings))
    async with serving(served.settings.model_copy(update=few)) as client:
        await client.get("/readyz")

        async def refused() -> float:
            began = time.monotonic()
            await expect_unavailable(client, f"/api/v1/objects/{sky.OBJECT}")
            return time.monotonic() - began

        async with blocker.transaction():
            await blocker.execute("LOCK TABLE alert IN ACCESS EXCLUSIVE MODE")
            first, second = sorted(await asyncio.gather(refused(), refused()))
    await blocker.close()
    assert second < 1.6 * first


def test_database_errors_cover_what_the_driver_raises() -> None:
    assert issubclass(ConnectionRefusedError, DATABASE_ERRORS)
    assert issubclass(asyncpg.CannotConnectNowError, DATABASE_ERRORS)


async def test_connections_that_the_server_closed_are_replaced(served: Served) -> None:
    database = database_of(served.settings)
    admin = await asyncpg.connect(url_of("admin", database).replace("+asyncpg", ""))
    async with serving(served.settings) as client:
        assert (await client.get("/api/v1/alerts")).status_code == 200
        closed = await admin.fetch(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity "
            "WHERE datname = $1 AND application_name = 'mars-app'",
            database,
        )
        assert [ended for (ended,) in closed] == [True] * len(closed) != []
        answers = [await client.get("/api/v1/alerts?limit=1") for _ in range(3)]
        assert [a.status_code for a in answers] == [200, 200, 200]
    await admin.close()
