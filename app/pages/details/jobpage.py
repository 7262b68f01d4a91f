"""The page of a job: its query in words, how far it is, its result."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from fastapi import Request, Response

from app.jobs.models import JobStatus
from app.pages.html import render
from app.pages.links import SYMBOLS

REFRESH_S: Final = 3
"""Seconds after which a page without scripts asks again."""
_SETTINGS: Final = ("format", "limit", "fields", "cursor", "sort")
"""Parameters that do not say which alerts match."""
_TITLES: Final = {
    JobStatus.QUEUED: "Waiting for its turn",
    JobStatus.RUNNING: "Running",
    JobStatus.DONE: "Done",
    JobStatus.FAILED: "Failed",
}


class Shown(NamedTuple):
    """A job of any kind, as its page shows it."""

    unit: str
    """What is counted, in the plural."""
    expected: int | None
    found: int | None
    is_estimate: bool = False
    cap: int | None = None


def job_page(
    request: Request,
    told: dict[str, Any],
    parameters: Sequence[tuple[str, str]],
    file: str,
) -> Response:
    """The page of a job whose JSON is `told`; `file` is the name of its result."""
    status = JobStatus(told["status"])
    return render(
        request,
        "job.html",
        headers={"Cache-Control": "no-store"},
        job=told,
        shown=_shown(told),
        parameters=parameters,
        title=_TITLES[status],
        is_over=status in (JobStatus.DONE, JobStatus.FAILED),
        chips=[describe_filter(name, value) for name, value in filters_of(parameters)],
        order=_order(dict(parameters).get("sort", "-jd")) if "kind" in told else "",
        file=file,
        refresh_s=REFRESH_S,
    )


def _shown(told: dict[str, Any]) -> Shown:
    if "kind" not in told:
        return Shown("positions", told["positions"], told["matches"])
    known = (told[name] for name in ("expected", "alerts", "is_estimate", "cap"))
    return Shown("alerts", *known)


def filters_of(parameters: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The parameters that say which alerts match; a `where` by the name of its filter."""
    given = [(name, value) for name, value in parameters if name not in _SETTINGS and value.strip()]
    parted = [
        value.partition(":") if name == "where" else (name, "", value) for name, value in given
    ]
    return [(name.strip(), value.strip()) for name, _, value in parted]


def describe_filter(name: str, value: str) -> str:
    """`rb ≥ 0.5`: a filter of the typed API and its value, in the fewest words."""
    stem, _, operator = name.partition("__")
    if operator == "isnull":
        return f"{stem} is {'missing' if value == 'true' else 'there'}"
    if operator == "in" or (not operator and "," in value and stem not in ("cone", "polygon")):
        return f"{stem} is one of {value.replace(',', ', ')}"
    if stem in ("cone", "polygon", "radius"):
        return f"{stem} {value.replace(',', ', ')}"
    return f"{stem} {SYMBOLS[operator]} {value}"


def _order(sort: str) -> str:
    """How the alerts are sorted, in words."""
    name = sort.removeprefix("-")
    if name in ("jd", "mjd", "time"):
        return "newest first" if sort.startswith("-") else "oldest first"
    return f"by {name}, {'descending' if sort.startswith('-') else 'ascending'}"
