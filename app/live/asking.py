"""What a stream is asked for: the filters of a list, and where it begins."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from app.alerts.asking.numbers import parse_number
from app.errors import BadParameter, BadParameters
from app.search.search import Search, parse_search

LAST_EVENT: Final = "last-event-id"
REFUSED: Final = {
    "sort": "a stream is in the order in which alerts came into the archive",
    "limit": "a stream has no end",
    "cursor": "a stream goes on after `since`, or after the header Last-Event-ID",
    "after": "a stream goes on after `since`, or after the header Last-Event-ID",
    "count": "a stream has no end",
    "format": "a stream is of events whose data is JSON",
    "explain": "a stream looks at every alert, in the order in which they came",
}
"""Parameters of a list that a stream does not have, and why."""


class Asked(NamedTuple):
    """A stream: which alerts, and after which it begins; neither number nor batch: now."""

    search: Search
    since: int | None
    as_of: int | None


def parse_stream(parameters: Sequence[tuple[str, str]], last_event: str = "") -> Asked:
    """The stream that a query string asks for; the number of the last event decides, if given.

    Raises BadParameters with every error in it.
    """
    given = [(name, value) for name, value in parameters if value.strip()]
    errors = [BadParameter(name, REFUSED[name]) for name in dict(given) if name in REFUSED]
    starts = [("since", value) for name, value in given if name == "since"]
    if len(starts) > 1:
        errors.append(BadParameter("since", "given more than once"))
    starts += [("Last-Event-ID", last_event)] if last_event.strip() else []
    numbers = [_read_number(name, text, errors) for name, text in starts]
    if errors:
        raise BadParameters(errors)
    search = parse_search([(name, value) for name, value in given if name != "since"])
    begun, as_of = numbers[-1] if numbers else None, search.as_of
    if begun is not None and as_of is not None and not last_event.strip():
        raise BadParameters([BadParameter("as_of", "cannot be combined with since; give one")])
    return Asked(replace(search, as_of=None), begun, as_of if begun is None else None)


def _read_number(name: str, text: str, errors: list[BadParameter]) -> int:
    try:
        return parse_number(text)
    except ValueError:
        reason = "must be an lco_id: the `id` of an event, or 0 for the whole archive"
        errors.append(BadParameter(name, reason))
        return 0
