"""Operators' tokens: shown once, kept as digests, worth nothing once they are revoked."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
import httpx
import pytest

from app.settings import Settings
from tests.app.conftest import fresh_archive, serving
from tests.app.jobs.running import admin_url
from tests.app.watches.test_watches import CSV, WATCHES

ROOT = Path(__file__).parents[3]
MANY = "ra,dec\n" + "1,1\n" * 10_001
"""One position more than anybody may send."""


class Operated(NamedTuple):
    """An app, and the command of its operator."""

    client: httpx.AsyncClient
    settings: Settings

    async def run(self, *words: str) -> tuple[int, str, str]:
        """Status, output and complaints of `python -m app.tokens`."""
        url = self.settings.app_database_url.get_secret_value()
        ended = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.tokens", *words),
            cwd=ROOT,
            env={**os.environ, "MARS_APP_DATABASE_URL": url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaints = await ended.communicate()
        assert ended.returncode is not None
        return ended.returncode, said.decode(), complaints.decode()

    async def token(self, name: str) -> dict[str, str]:
        """The headers of one who has a new token."""
        status, said, _ = await self.run("make", name)
        assert status == 0
        return CSV | {"Authorization": f"Bearer {said.strip()}"}

    async def post(self, headers: dict[str, str], body: str = MANY) -> httpx.Response:
        query = {"radius": '2"'}
        return await self.client.post(WATCHES, params=query, content=body, headers=headers)


@pytest.fixture
async def operated() -> AsyncIterator[Operated]:
    async with fresh_archive() as settings:
        own = settings.model_copy(update={"watches_per_client": 1, "watches_per_token": 2})
        async with serving(own) as client:
            yield Operated(client, own)


async def test_a_token_is_shown_once_and_listed_by_its_name(operated: Operated) -> None:
    status, token, said = await operated.run("make", "survey-team")
    assert (status, token[:5], "only time" in said) == (0, "mars_", True)
    again = await operated.run("make", "survey-team")
    assert (again[0], "choose another" in again[2]) == (1, True)
    wrong = await operated.run("make", "survey team")
    assert (wrong[0], "1 to 64 letters" in wrong[2]) == (1, True)
    _, listed, _ = await operated.run("list")
    assert listed.startswith("survey-team\tmade 20")
    assert listed.endswith("\tgood\n")
    assert token.strip() not in listed
    assert (await operated.run("revoke", "survey-team"))[:2] == (0, "survey-team is revoked\n")
    assert (await operated.run("revoke", "survey-team"))[0] == 1
    assert "\trevoked 20" in (await operated.run("list"))[1]
    admin = await asyncpg.connect(admin_url(operated.settings))
    assert token.strip() not in str(await admin.fetch("SELECT * FROM app.token"))
    await admin.close()


async def test_with_a_token_a_watch_may_be_larger_until_it_is_revoked(operated: Operated) -> None:
    """More positions than others may have, in a body that is larger than theirs may be."""
    headers = await operated.token("team")
    assert (await operated.post(CSV)).status_code == 422
    large = MANY + "# a comment\n" * 420_000
    assert (await operated.post(CSV, large)).status_code == 413
    answer = await operated.post(headers, large)
    assert (answer.status_code, answer.json()["positions"]) == (201, 10_001), answer.text
    made = answer.json()
    path, secret = f"{WATCHES}/{made['id']}", {"Authorization": f"Bearer {made['secret']}"}
    query, more = {"radius": '2"'}, MANY + "2,2\n"
    change = await operated.client.patch(path, params=query, content=more, headers=CSV | secret)
    assert (change.status_code, change.json()["positions"]) == (200, 10_002), change.text
    await operated.run("revoke", "team")
    refused = await operated.post(headers)
    assert (refused.status_code, "has been revoked" in refused.text) == (401, True)
    assert refused.headers["www-authenticate"].startswith("Bearer")
    less = await operated.client.patch(path, params=query, content=more, headers=CSV | secret)
    assert (less.status_code, "more than 10,000" in less.text) == (422, True)


async def test_an_unknown_token_is_refused_and_other_schemes_are_not_ours(
    operated: Operated,
) -> None:
    unknown = await operated.post({"Authorization": "Bearer mars_nobody"} | CSV, "ra,dec\n1,1")
    assert (unknown.status_code, "ask the operator" in unknown.text) == (401, True)
    other = await operated.post({"Authorization": "Basic eDp5"} | CSV, "ra,dec\n1,1")
    assert other.status_code == 201


async def test_a_holder_has_so_many_watches_wherever_they_ask_from(operated: Operated) -> None:
    ours, theirs = await operated.token("ours"), await operated.token("theirs")
    few = "ra,dec\n1,1"
    statuses = [(await operated.post(h, few)).status_code for h in (ours, ours, ours, theirs, CSV)]
    assert statuses == [201, 201, 429, 201, 201]
    assert (await operated.post(CSV, few)).status_code == 429
