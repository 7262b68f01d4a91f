"""Queries as their users walk them, page by page to the end, and what a page must be."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.mars.recordings import Arguments

PAGE_SIZE = 100
MAX_PAGES = 12


@dataclass
class Walk:
    """All pages of a query: status of the first, its alerts in order, what was wrong with pages."""

    status: int
    text: str
    alerts: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    pages: int = 0

    def candids(self, among: Iterable[str]) -> list[str]:
        """As text, in order, of those that the original had too."""
        known = frozenset(among)
        return [str(a["candid"]) for a in self.alerts if str(a["candid"]) in known]


async def ask(client: httpx.AsyncClient, args: Arguments, page: int | None) -> httpx.Response:
    more = {} if page is None else {"page": page}
    return await client.get("/", params={**args, **more, "format": "json"})


async def walk(client: httpx.AsyncClient, args: Arguments) -> Walk:
    """Every page up to the first 404; the first without a `page`, as in the recordings."""
    answer = await ask(client, args, None)
    seen = Walk(answer.status_code, answer.text)
    while answer.status_code == 200 and seen.pages < MAX_PAGES:
        seen.pages += 1
        body = answer.json()
        answer = await ask(client, args, seen.pages + 1)
        seen.problems += page_problems(body, seen.pages, answer.status_code == 200)
        seen.alerts += body["results"]
    if seen.status == 200 and answer.status_code != 404:
        seen.problems.append(f"page {seen.pages + 1} is {answer.status_code}, not 404")
    found = [alert["candid"] for alert in seen.alerts]
    if len(set(found)) != len(found):
        seen.problems.append(f"{len(found) - len(set(found))} alerts come back on two pages")
    return seen


def page_problems(body: Any, page: int, more: bool) -> list[str]:
    """What is wrong with one page, given whether there is another after it."""
    problems = []
    if not {"has_next", "has_prev", "results"} <= body.keys():
        problems.append(f"page {page} has the keys {list(body)}")
    if body.get("has_next") is not more:
        problems.append(f"page {page} says has_next {body.get('has_next')}, not {more}")
    if body.get("has_prev") is not (page > 1):
        problems.append(f"page {page} says has_prev {body.get('has_prev')}")
    size = len(body["results"])
    if size > PAGE_SIZE or (more and size != PAGE_SIZE):
        problems.append(f"page {page} has {size} alerts")
    return problems
