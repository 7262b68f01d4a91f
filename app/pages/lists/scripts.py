"""The search of the main page for other uses: in the typed API, as a file, command or program."""

import json
from typing import Final
from urllib.parse import urlencode

from app.errors import BadParameters
from app.mars.form import FORM
from app.pages.links import ORDER, Parameters, address
from app.search.search import MAX_EXPORT, parse_search
from app.search.windows import check_sort

_TYPED: Final = {"objectId": "object_id", "objectcone": "name"}
_TYPED_SORT: Final = {"objectId": "object_id", "id": "lco_id", "alert_candid": "candid"}


def typed_query(parameters: Parameters, any_order: bool) -> dict[str, str] | None:
    """The search in the words of the typed API; None if it has no such search.

    `any_order` says whether it can sort by every field (windows.check_sort).
    """
    filters = {n: v for n, v in parameters.items() if n in FORM}
    if "time__since" in filters or {"l__gt", "l__lt"} <= filters.keys():
        # Two limits on l may wrap there, here they never do.
        return None
    query = {_TYPED.get(name, name): value for name, value in filters.items()}
    if by := parameters.get("sort_value"):
        minus = "" if parameters.get("sort_order") == "asc" else "-"
        query["sort"] = minus + _TYPED_SORT.get(by, by)
    try:
        search = parse_search(query.items())
        if not any_order and search.named is None:
            check_sort(search)
    except BadParameters:
        return None
    return query


def groups_address(parameters: Parameters) -> str | None:
    """The address of its matches grouped by object, newest first; None if there is none."""
    kept = {name: value for name, value in parameters.items() if name not in ORDER}
    typed = typed_address(kept, any_order=True)
    return None if typed is None else typed.replace("/alerts", "/alerts/objects", 1)


def typed_address(parameters: Parameters, any_order: bool) -> str | None:
    """The address of that search; None if there is none."""
    if (query := typed_query(parameters, any_order)) is None:
        return None
    return f"/api/v1/alerts?{urlencode(query, safe=',:')}" if query else "/api/v1/alerts"


def filter_query(parameters: Parameters) -> dict[str, str] | None:
    """The search without its order, in the words of the typed API; None if it has no such."""
    return typed_query({n: v for n, v in parameters.items() if n not in ORDER}, any_order=True)


def stream_address(parameters: Parameters) -> str | None:
    """The address at which its alerts are told as they come; None if there is none."""
    if (query := filter_query(parameters)) is None:
        return None
    return f"/api/v1/alerts/stream?{urlencode(query | {'fields': 'candid'}, safe=',:')}"


def job_query(parameters: Parameters, any_order: bool) -> dict[str, str] | None:
    """The search for a job, newest first where it cannot be sorted otherwise; None if none can."""
    if (query := typed_query(parameters, any_order)) is not None:
        return query
    return typed_query({n: v for n, v in parameters.items() if n not in ORDER}, any_order)


_FILES: Final = {"csv": "CSV", "votable": "VOTable", "parquet": "Parquet", "jsonl": "JSON Lines"}


def downloads(parameters: Parameters, any_order: bool) -> list[tuple[str, str]]:
    """Label and address of each file with all alerts of the search."""
    if (typed := typed_address(parameters, any_order)) is None:
        return []
    joint = "&" if "?" in typed else "?"
    return [(w, f"{typed}{joint}format={n}&limit={MAX_EXPORT}") for n, w in _FILES.items()]


def curl(parameters: Parameters, url: str) -> str:
    """The search as a command; urlencode writes %27, so no value can end the quotes."""
    return f"curl -fsS '{url}{address({**parameters, 'format': 'json'})}'"


def python(parameters: Parameters, url: str) -> str:
    """The search, all its pages, as a program."""
    given = {n: v for n, v in parameters.items() if n != "page"} | {"format": "json"}
    lines = "".join(
        f"    {json.dumps(name)}: {json.dumps(value)},\n" for name, value in given.items()
    )
    return f"""import httpx

search = {{
{lines}}}
page, alerts = 1, []
while page:
    answer = httpx.get({json.dumps(url + "/")}, params={{**search, "page": page}}, timeout=30)
    answer.raise_for_status()
    alerts += answer.json()["results"]
    page = page + 1 if answer.json()["has_next"] else None
print(len(alerts), "alerts")
"""
