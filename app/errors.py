"""What the app refuses or cannot do. problems.py turns it into answers.

archive.errors.MarsError
├── RequestError              the client's part: status, title and detail are for its eyes
│   ├── BadParameters         422, each parameter named with what was wrong
│   │   └── BadForm           400, the same at MARS's own addresses
│   ├── NotFound              404: no such alert, night, stamp or address
│   │   └── UnknownName       404: nobody knows this name; with names that are near
│   ├── BadBody               400: a body that cannot be read; says where
│   ├── BodyTooSlow           408: a body that does not come
│   ├── BodyTooLarge          413: a body beyond the bound
│   ├── UnknownMedia          415: a body of a kind that is not read here
│   │   └── UnknownCoding     415: a body compressed in a way that is not read here
│   ├── TooMany               429: a client with as many matches or jobs as it may have
│   └── RangeNotSatisfiable   416: bytes beyond the end
├── TooDear                   503: the query did not end in time; asking for less may help
│   └── Busy                  503: it did not even begin: others ask as much
├── ClientGone                nobody waits for the answer any longer
├── NoJobs                    503: an app without a database for what it keeps itself
└── ResolversSilent           503: no name resolver answered; for this request alone

Nothing below the routes raises an HTTP error.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from app.spelling import MAX_NAME, MAX_SUGGESTIONS, Misspelt, find_nearest
from archive.errors import MarsError, ObjectMissing, SchemaOutdated, StoreUnavailable


class BadParameter(NamedTuple):
    """One parameter that cannot be used: its name, why, and a known name that is near."""

    parameter: str
    reason: str
    nearest: str | Misspelt | None = None
    """As it is raised a name that is misspelt; in BadParameters.errors the known one."""


def _hint(error: BadParameter) -> str:
    return f"; did you mean {error.nearest!r}?" if error.nearest else ""


def _with_suggestions(errors: Sequence[BadParameter]) -> Iterator[BadParameter]:
    """The errors, the first MAX_SUGGESTIONS of misspelt names with the nearest known one."""
    left = MAX_SUGGESTIONS
    for error in errors:
        near = error.nearest
        if isinstance(near, Misspelt):
            near, left = find_nearest(*near) if left > 0 else None, left - 1
        yield error._replace(nearest=near)


def unknown_parameters(given: Iterable[str], known: Collection[str]) -> list[BadParameter]:
    """An error for each name that is not known, however often it is given."""
    names = dict.fromkeys(name for name in given if name not in known)
    reason = "no parameter of this name"
    return [BadParameter(name[:MAX_NAME], reason, Misspelt(name, known)) for name in names]


class RequestError(MarsError):
    """The client asked for what is not there or cannot be understood."""

    status = HTTPStatus.BAD_REQUEST


class BadParameters(RequestError):
    """Parameters that are unknown, malformed or out of bounds."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, errors: Sequence[BadParameter]) -> None:
        self.errors = tuple(_with_suggestions(errors))
        super().__init__("; ".join(f"{e.parameter}: {e.reason}{_hint(e)}" for e in self.errors))


class BadForm(BadParameters):
    """Parameters of MARS's form with values that cannot be used."""

    status = HTTPStatus.BAD_REQUEST


class NotFound(RequestError):
    """There is no such thing; the text says what was looked for."""

    status = HTTPStatus.NOT_FOUND


class UnknownName(NotFound):
    """Nobody who was asked knows this name; `suggestions` are known ones that are near."""

    def __init__(self, text: str, suggestions: Sequence[str]) -> None:
        super().__init__(text)
        self.suggestions = tuple(suggestions)


class RangeNotSatisfiable(RequestError):
    """A Range that begins beyond the end."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE

    def __init__(self, length: int) -> None:
        super().__init__(f"the answer has {length} bytes")
        self.length = length


class BadBody(RequestError):
    """A body that cannot be read; the text says where and why."""


class BodyTooSlow(RequestError):
    """A body that did not come in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class BodyTooLarge(RequestError):
    """A body beyond the bound."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnknownMedia(RequestError):
    """A body whose Content-Type is not read here; the text lists those that are."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnknownCoding(UnknownMedia):
    """A body whose Content-Encoding is not read here."""


class TooMany(RequestError):
    """A client that has as many matches or jobs as it may have at a time."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class NoJobs(MarsError):
    """This app has no database to keep jobs in."""


class TooDear(MarsError):
    """A query that ran into the statement timeout. Its text, if any, says what would be cheaper."""


class Busy(TooDear):
    """A costly question for which there was no place in time."""


class ClientGone(MarsError):
    """Who asked has closed the connection."""


class ResolversSilent(MarsError):
    """No remote resolver could answer; the text says who did not, and why."""


DATABASE_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    SQLAlchemyError,
    OSError,
    TimeoutError,
)
"""What the way to PostgreSQL raises; a 503 where it may pass (archive.database.is_passing)."""
RETRY_AFTER_S: Final = "5"
_DEAR: Final = "the query took too long: narrow it by a cone, an object or a shorter time"
_SILENT: Final = "the database does not answer"
_BUSY: Final = (
    "other questions that search much of the archive are under way: try again, or narrow this one "
    "by a cone, an object or a shorter time, which needs no waiting"
)
_UNAVAILABLE: Final[dict[type[Exception], str]] = {
    Busy: _BUSY,
    TooDear: _DEAR,
    ClientGone: "the client has gone",
    ResolversSilent: "no name resolver answered, and the name is none that is known here",
    NoJobs: "this server runs no jobs: it has no MARS_APP_DATABASE_URL",
    asyncpg.QueryCanceledError: _DEAR,
    SchemaOutdated: "the database's schema is not the one of this program",
    ObjectMissing: "the object store does not have these bytes",
    StoreUnavailable: "the object store does not answer",
}


def reason_of(error: Exception) -> str:
    """What a client is told of an error that is not its own; the error's words stay in the log."""
    if isinstance(error, TooDear) and error.args:
        return str(error)
    text = next((t for kind, t in _UNAVAILABLE.items() if isinstance(error, kind)), _SILENT)
    return f"{text}: {error}" if isinstance(error, SchemaOutdated | ResolversSilent) else text
