"""What the app refuses or cannot do. problems.py turns these errors into answers.

archive.errors.MarsError
├── RequestError              the request is at fault: the client sees the text
│   ├── BadParameters         422, each parameter named with what was wrong
│   │   └── BadForm           400, the same at MARS's own addresses
│   ├── NotFound              404: no such alert, night, stamp or address
│   │   └── UnknownName       404: no one knows this name; suggests similar names
│   ├── BadQuery              400: a query in ADQL that cannot be understood, or is not supported
│   ├── QueryTooSlow          408: a query of TAP that ran out of time
│   ├── WrongSecret           403: the secret is not that of the watch
│   ├── BadBody               400: a body that cannot be read; the text says where
│   ├── BodyTooSlow           408: a body that does not arrive in time
│   ├── BodyTooLarge          413: a body that is too large
│   ├── UnknownMedia          415: a body of an unsupported media type
│   │   └── UnknownCoding     415: a body with an unsupported Content-Encoding
│   ├── TooMany               429: the client has reached its number of matches or jobs
│   └── RangeNotSatisfiable   416: a range beyond the end of the file
├── QueryTooCostly            503: the query ran out of time; a narrower one may succeed
│   └── Busy                  503: the query found no free place and did not start
│       └── BodiesWait        503: too many bodies wait to be read
├── ColumnsUnavailable        the columnar copy cannot be read; PostgreSQL answers in its place,
│                             and what it cannot answer is a 503
├── NoCatalog                 503: this archive has no columnar copy, so no statistics
├── ClientGone                the client has closed the connection
├── NoTap                     503: this app has no database for queries of TAP
├── NoWatches                 503: this app has no database of its own, so no watches
├── NoWebhooks                503: this app sends none
├── NoMail                    503: nor mails
├── NoJobs                    503: this app has no database of its own, so no jobs
├── NoRegions                 503: nor regions
└── ResolversUnavailable      503: no name resolver answered

Nothing below the routes raises an HTTP error.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from app.spelling import MAX_NAME, MAX_SUGGESTIONS, Misspelt, find_nearest
from archive.database import is_shut_out
from archive.errors import MarsError, ObjectMissing, SchemaOutdated, StoreUnavailable


class BadParameter(NamedTuple):
    """One parameter that cannot be used: its name, the reason, and the nearest known name."""

    parameter: str
    reason: str
    nearest: str | Misspelt | None = None
    """Raised with the misspelt name; BadParameters.errors holds the known one."""


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
    """One error for each unknown name, however often the request repeats it."""
    names = dict.fromkeys(name for name in given if name not in known)
    reason = "unknown parameter"
    return [BadParameter(name[:MAX_NAME], reason, Misspelt(name, known)) for name in names]


class RequestError(MarsError):
    """The request cannot be understood, or asks for something that does not exist."""

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
    """Not found; the text says what was looked for."""

    status = HTTPStatus.NOT_FOUND


def no_alert(named: int | str) -> NotFound:
    """That there is no alert of a number, or of what was given for one."""
    return NotFound(f"there is no alert {_shown(named)}")


def no_object(named: str) -> NotFound:
    """That there is no object of this name."""
    return NotFound(f"there is no object {named[:64]!r}")


def _shown(named: int | str) -> str:
    text = str(named)
    return text[:64] if text.lstrip("-").isdecimal() else repr(text[:64])


class UnknownName(NotFound):
    """No resolver knows this name; `suggestions` are similar known names."""

    def __init__(self, text: str, suggestions: Sequence[str]) -> None:
        super().__init__(text)
        self.suggestions = tuple(suggestions)


class RangeNotSatisfiable(RequestError):
    """A Range that begins after the last byte."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE

    def __init__(self, length: int) -> None:
        super().__init__(f"the answer has {length} bytes")
        self.length = length


class BadQuery(RequestError):
    """A query in ADQL that cannot be understood, or asks for what is not done here."""


class QueryTooSlow(RequestError):
    """A query of TAP that took longer than one may."""

    status = HTTPStatus.REQUEST_TIMEOUT


class UnknownToken(RequestError):
    """An operator's token that is not known, or has been revoked."""

    status = HTTPStatus.UNAUTHORIZED


class WrongSecret(RequestError):
    """A secret is missing, or is not the right one."""

    status = HTTPStatus.FORBIDDEN


class BadBody(RequestError):
    """A body that cannot be read; the text says where and why."""


class BodyTooSlow(RequestError):
    """A body that did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class BodyTooLarge(RequestError):
    """A body that is too large."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnknownMedia(RequestError):
    """A body of an unsupported Content-Type; the text lists the supported ones."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnknownCoding(UnknownMedia):
    """A body whose Content-Encoding is not read here."""


class TooMany(RequestError):
    """The client already runs or keeps as many matches or jobs as allowed."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class NoJobs(MarsError):
    """This app has no database in which to keep jobs."""


class NoRegions(MarsError):
    """This app has no database in which to keep regions."""


class NoWatches(MarsError):
    """This app has no database in which to keep watches."""


class NoWebhooks(MarsError):
    """This app sends no webhooks."""


class NoMail(MarsError):
    """This app sends no mails."""


class NoTap(MarsError):
    """This app has no database for queries of TAP."""


class QueryTooCostly(MarsError):
    """A query that ran into the statement timeout. The text, if any, says what would be cheaper."""


class Busy(QueryTooCostly):
    """A costly query that waited too long for a free place."""


class BodiesWait(Busy):
    """So many bodies wait to be read that another finds no room."""


class ColumnsUnavailable(MarsError):
    """The columnar copy cannot be read just now."""


class NoCatalog(MarsError):
    """This archive has no columnar copy."""


class ClientGone(MarsError):
    """The client has closed the connection."""


class ResolversUnavailable(MarsError):
    """No remote resolver could answer; the text names each of them and its reason."""


DATABASE_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    SQLAlchemyError,
    OSError,
    TimeoutError,
)
"""What PostgreSQL and the connection to it raise; 503 if passing (archive.database.is_passing)."""
RETRY_AFTER_S: Final = "5"
_COSTLY: Final = "the query took too long: narrow it with a cone, an object or a shorter time range"
_SILENT: Final = "the database does not respond; try again in a few seconds"
_SHUT_OUT: Final = "the database does not let this server in; the log says why"
_BUSY: Final = (
    "the server is busy with other costly searches: try again in a few seconds, or narrow this one "
    "with a cone, an object or a shorter time range to run it at once"
)
_UNAVAILABLE: Final[dict[type[Exception], str]] = {
    BodiesWait: "the server is busy with what others send: try again in a few seconds",
    Busy: _BUSY,
    QueryTooCostly: _COSTLY,
    ClientGone: "the client closed the connection",
    ResolversUnavailable: "this name is not known here, and no name resolver answered",
    NoCatalog: "statistics are counted in the columnar catalog, and this archive has none yet: "
    "`python -m catalog update` writes it",
    ColumnsUnavailable: "the columnar catalog cannot be read; try again in a few seconds",
    NoJobs: "this server does not run jobs: MARS_APP_DATABASE_URL is not set",
    NoRegions: "this server keeps no regions: MARS_APP_DATABASE_URL is not set",
    NoWatches: "this server keeps no watches: MARS_APP_DATABASE_URL is not set",
    NoWebhooks: "this server sends no webhooks: MARS_WEBHOOKS is not set",
    NoMail: "this server sends no mails: MARS_SMTP_URL and MARS_MAIL_FROM are not set",
    NoTap: "this server runs no queries of TAP: MARS_TAP_DATABASE_URL is not set",
    asyncpg.QueryCanceledError: _COSTLY,
    SchemaOutdated: "the database has a different schema version than this program needs",
    ObjectMissing: "the object store does not have this file",
    StoreUnavailable: "the object store does not respond; try again in a few seconds",
}


def reason_of(error: Exception) -> str:
    """The text that a client gets for a fault on our side; the error itself goes to the log."""
    if isinstance(error, QueryTooCostly) and error.args:
        return str(error)
    if is_shut_out(error):
        return _SHUT_OUT
    text = next((t for kind, t in _UNAVAILABLE.items() if isinstance(error, kind)), _SILENT)
    return f"{text}: {error}" if isinstance(error, SchemaOutdated | ResolversUnavailable) else text
