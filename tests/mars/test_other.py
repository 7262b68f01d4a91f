"""Odd paths, methods, Accept headers and bodies."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.mars.conftest import Ours
from tests.mars.recordings import Recordings
from tests.mars.tally import Explained, Tally

FIRST = "516171791415015025"
"""The alert that was number 1 in the original."""
METHODS = {"/": {"GET", "HEAD", "POST"}, "alert": {"GET", "HEAD"}}


def right_status(entry: Any) -> int:
    """Where the original failed: 404 for what is not there, 400 for what is not understood."""
    if entry["status"] != 500:
        return int(entry["status"])
    return 404 if "/999999999/" in entry["path"] else 400


def path_of(entry: Any, number: int) -> str:
    """Our number of the first alert in place of the original's."""
    path: str = entry["path"]
    return path.replace("/1", f"/{number}", 1) if path.startswith("/1") else path


async def ask(client: httpx.AsyncClient, entry: Any, number: int) -> httpx.Response:
    body = entry.get("data")
    headers = dict(entry.get("headers", {}))
    if "json" in entry:
        body = json.dumps(entry["json"])
        headers["Content-Type"] = "application/json"
    return await client.request(
        entry["method"], path_of(entry, number), content=body, headers=headers
    )


def target(address: str) -> str:
    """Path and query: a Location may be absolute or not."""
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def problems_of(entry: Any, number: int, answer: httpx.Response) -> list[str]:
    wanted, problems = right_status(entry), []
    if answer.status_code != wanted:
        return [f"status {answer.status_code}, not {wanted}: {answer.text[:200]}"]
    kind = answer.headers.get("content-type", "")
    if wanted == 200 and entry["method"] != "OPTIONS" and kind != entry["Content-Type"]:
        problems.append(f"type {kind}, not {entry['Content-Type']}")
    if wanted >= 400 and not answer.text:
        problems.append("no body says what is wrong")
    if "Location" in entry:
        wanted_path = path_of({"path": entry["Location"]}, number)
        if target(answer.headers["location"]) != wanted_path:
            problems.append(f"leads to {answer.headers['location']}, not {wanted_path}")
    if "Allow" in entry:
        allowed = {method.strip() for method in answer.headers.get("allow", "").split(",")}
        methods = METHODS["/" if entry["path"] == "/" else "alert"]
        if not methods <= allowed <= methods | {"OPTIONS"}:
            problems.append(f"allows {sorted(allowed)}, not {sorted(methods)}")
    if wanted == 200 and "answer_keys" in entry:
        missing = entry["answer_keys"] - answer.json().keys()
        if missing:
            problems.append(f"lacks {sorted(missing)}")
    return problems


async def test_other(ours: Ours, recordings: Recordings, tally: Callable[[str], Tally]) -> None:
    other, entries = tally("odd requests"), recordings.load("other")
    number = (await ours.one(FIRST))["lco_id"]
    for entry in entries:
        answer = await ask(ours.client, entry, number)
        what = f"{entry['method']} {entry['path']} {entry.get('headers', '')}"
        what += str(entry.get("json", entry.get("data", "")))
        explained = None
        if fault := entry.get("known_fault"):
            shown = f"{answer.status_code}: {answer.text[:200]}"
            explained = Explained(what, fault, str(entry["status"]), shown)
        other.add(what, problems_of(entry, number, answer), explained)
    assert other.faults(40) == []


async def test_the_page_of_a_missing_alert_says_so(ours: Ours) -> None:
    """As JSON to who asks for JSON, as a page to a browser."""
    for accept, kind in (("text/html,*/*;q=0.8", "text/html"), ("application/json", "json")):
        answer = await ours.client.get("/999999999/", headers={"Accept": accept})
        assert answer.status_code == 404
        assert kind in answer.headers["content-type"]
        assert "999999999" in answer.text
