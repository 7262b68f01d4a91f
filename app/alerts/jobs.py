"""A search as a job: its query, its JSON, its work."""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import Row

from app.alerts.access.archive import Archive
from app.alerts.asking.counting import ESTIMATE, foresee_count
from app.alerts.output.exports import Written, write_alerts
from app.answers.formats import FORMATS
from app.answers.tabular import Origin
from app.errors import BadParameter, BadParameters
from app.jobs.models import tell_end
from app.jobs.worker import Kind, Run
from app.search.search import Search, explain_refusal, parse_search
from app.search.values import read_integer
from app.spelling import Unknown
from archive.objects import Bytes

SEARCH: Final = "search"
FILES: Final = {name: known.suffix for name, known in FORMATS.items() if known.writer}
"""Formats of a result, and how its file ends."""
DEFAULT_FORMAT: Final = "parquet"
NOT_OF_JOBS: Final = {
    "count": "a job tells how many alerts it finds without being asked",
    "explain": "ask the list: a job takes the same way",
}
"""Parameters of a list that a job does not have, and why."""
_BACK: Final = "a job goes forward: give the cursor of a `next`"


def parse_job(parameters: Sequence[tuple[str, str]], most: int) -> Search:
    """The search of a job; without `limit` it takes `most` alerts. Raises BadParameters."""
    readers: dict[str, Callable[[str], Any]] = {
        "limit": lambda text: _read_limit(text, most),
        "format": _read_format,
    }
    own: dict[str, Any] = {"limit": most, "format": DEFAULT_FORMAT}
    given = [(name, value) for name, value in parameters if value.strip()]
    times = Counter(name for name, _ in given)
    errors = [BadParameter(name, "given more than once") for name in readers if times[name] > 1]
    errors += [BadParameter(name, why) for name, why in NOT_OF_JOBS.items() if times[name]]
    for name, value in given:
        try:
            if name in readers:
                own[name] = readers[name](value)
        except ValueError as error:
            errors.append(explain_refusal(name, error))
    rest = [(n, v) for n, v in given if n not in (*readers, *NOT_OF_JOBS)]
    try:
        search = parse_search([*rest, ("format", own["format"])])
    except BadParameters as bad:
        raise BadParameters([*errors, *bad.errors]) from None
    if search.cursor is not None and search.cursor.back:
        errors.append(BadParameter("cursor", _BACK))
    if errors:
        raise BadParameters(errors)
    return replace(search, limit=own["limit"])


def _read_limit(text: str, most: int) -> int:
    if not 1 <= (value := read_integer(text)) <= most:
        raise ValueError(f"must be between 1 and {most}")
    return value


def _read_format(text: str) -> str:
    if (name := text.strip()) not in FILES:
        raise Unknown(f"must be one of {', '.join(FILES)}", name.lower(), FILES)
    return name


def settle_parameters(given: Sequence[tuple[str, str]], search: Search) -> list[tuple[str, str]]:
    """The query string of a search whose name and `after` are resolved, for any later time.

    What it means then depends on nothing but the archive up to the job's batch.
    """
    settled = [
        (name, value.strip())
        for name, value in given
        if value.strip() and name not in ("name", "after", "as_of", "limit", "format")
    ]
    if search.cone is not None and "cone" not in dict(settled):
        settled.append(("cone", ",".join(map(repr, search.cone))))
    if search.cursor is not None and "cursor" not in dict(settled):
        settled.append(("cursor", search.cursor.token()))
    return [*settled, ("format", search.format)]


def parameters_of(row: Row[Any]) -> list[tuple[str, str]]:
    """The query string of a job, from its row."""
    return [(name, value) for name, value in row.parameters]


def describe_search_job(row: Row[Any], public_url: str) -> dict[str, Any]:
    """The JSON of a job, from its row."""
    parameters = parameters_of(row)
    return {
        "id": row.id,
        "kind": SEARCH,
        "status": row.status,
        "query": urlencode(parameters, safe=",:"),
        "format": dict(parameters)["format"],
        "done": row.done,
        "expected": row.expected,
        "is_estimate": row.is_estimate,
        "alerts": row.found,
        "cap": row.cap,
        "truncated": None if row.found is None else row.next is not None,
        "next": row.next,
        **tell_end(row, public_url),
    }


def search_kind(
    archive: Archive, public_url: str, find_region: Callable[[Search], Awaitable[Search]]
) -> Kind:
    """Searches as a kind of work, on an archive for statements that last.

    `find_region` looks up what the region of a search holds.
    """

    async def write(run: Run) -> AsyncGenerator[Bytes]:
        """The file as it is made; counts its alerts."""
        row = run.row
        search = replace(parse_job(parameters_of(row), row.cap), as_of=row.as_of)
        search = await find_region(search)
        if expected := await foresee_count(archive, search):
            told = {"expected": min(expected.number, row.cap)}
            run.told |= told | {"is_estimate": expected.kind == ESTIMATE}
        query = urlencode(parameters_of(row), safe=",:")
        origin = Origin(public_url, f"{public_url}/api/v1/alerts?{query}", row.as_of)
        written = Written()
        async for piece in write_alerts(archive, search, origin, written):
            run.done = written.rows
            yield piece
        run.told |= {"found": written.rows, "next": written.next}

    return Kind(SEARCH, write, "narrow the search with a cone, an object or a shorter time range")
