"""What the app refuses or cannot do, and the one table that turns it into RFC 9457 problems.

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
│   ├── TooMany               429: a client with as many matches or jobs as it may have
│   └── RangeNotSatisfiable   416: bytes beyond the end
├── TooDear                   503: the query did not end in time; asking for less may help
│   └── Busy                  503: it did not even begin: others ask as much
├── ClientGone                nobody waits for the answer any longer
├── NoJobs                    503: an app without a database for what it keeps itself
└── ResolversSilent           503: no name resolver answered; for this request alone

Nothing below the routes raises an HTTP error.
"""

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import asyncpg
import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.negotiation import wants_page
from app.pages import error_page
from app.spelling import MAX_NAME, MAX_SUGGESTIONS, Misspelt, nearest
from archive.database import is_passing
from archive.errors import MarsError, ObjectMissing, SchemaOutdated, StoreUnavailable

log = logging.getLogger(__name__)

PROBLEM: Final = "application/problem+json"
RETRY_AFTER_S: Final = "5"
_NOTHING: Final = "there is nothing at this address; /docs lists those that there are"
_WORD: Final = re.compile("'([^']*)'")
_METHODS: Final = ("GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_READ_ONLY: Final = "this address cannot be used with this method"


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
            near, left = nearest(*near) if left > 0 else None, left - 1
        yield error._replace(nearest=near)


def unknown(given: Iterable[str], known: Collection[str]) -> list[BadParameter]:
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
DATABASE_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    SQLAlchemyError,
    OSError,
    TimeoutError,
)
"""What the way to PostgreSQL raises; a 503 where it may pass (archive.database.is_passing)."""


def problem(
    request: Request,
    status: int,
    detail: str,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem document, or a page with the same words; `more` are extension members."""
    title = HTTPStatus(status).phrase
    if wants_page(request):
        errors = more.get("errors", ())
        return error_page(request, status, title, detail, errors=errors, headers=headers)
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        **more,
    }
    fixed = {"Cache-Control": "no-store"} | (headers or {})
    return Response(orjson.dumps(body), status, media_type=PROBLEM, headers=fixed)


async def _request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    headers: dict[str, str] = {}
    more: dict[str, Any] = {}
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.length}"
    if isinstance(error, TooMany):
        headers["Retry-After"] = RETRY_AFTER_S
    if isinstance(error, BadParameters):
        more["errors"] = [e._asdict() for e in error.errors]
    if isinstance(error, UnknownName):
        more["suggestions"] = error.suggestions
    return problem(request, error.status, str(error), headers, **more)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if any(e["loc"][0] == "path" for e in error.errors()):
        return await _request_error(request, NotFound(_NOTHING))
    return await _request_error(request, BadParameters(list(map(_bad_option, error.errors()))))


def _bad_option(error: dict[str, Any]) -> BadParameter:
    """What pydantic says of an option; of several words that it knows, the nearest."""
    # Of a list the place ends with the number of the item.
    name = [part for part in error["loc"] if isinstance(part, str)][-1]
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, ValueError):
        return BadParameter(name, str(cause), getattr(cause, "misspelt", None))
    near = None
    if error["type"] == "enum":
        given = str(error["input"]).strip().lower()
        near = Misspelt(given, _WORD.findall(error["ctx"]["expected"]))
    return BadParameter(name, error["msg"], near)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {HTTPStatus.NOT_FOUND: _NOTHING, HTTPStatus.METHOD_NOT_ALLOWED: _READ_ONLY}
    detail = known.get(HTTPStatus(error.status_code), str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = allowed(request)
    return problem(request, error.status_code, detail, headers)


def allowed(request: Request) -> str:
    """The methods of an address, for `Allow`: Starlette names those of its first route only."""
    scopes = [{**request.scope, "method": method} for method in _METHODS]
    found = {
        scope["method"]
        for scope in scopes
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    }
    return ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))


def reason_of(error: Exception) -> str:
    """What a client is told of an error that is not its own; the error's words stay in the log."""
    if isinstance(error, TooDear) and error.args:
        return str(error)
    text = next((t for kind, t in _UNAVAILABLE.items() if isinstance(error, kind)), _SILENT)
    return f"{text}: {error}" if isinstance(error, SchemaOutdated | ResolversSilent) else text


async def _unavailable(request: Request, error: Exception) -> Response:
    if not (isinstance(error, MarsError) or is_passing(error)):
        return await unforeseen(request, error)
    if not isinstance(error, ClientGone):
        log.warning("unavailable", extra={"path": request.url.path, "error": repr(error)})
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return problem(request, status, reason_of(error), {"Retry-After": RETRY_AFTER_S})


async def unforeseen(request: Request, error: Exception) -> Response:
    """The 500 for what no table names. It is logged whole, and told not at all."""
    log.error("unforeseen error", exc_info=error, extra={"path": request.url.path})
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return problem(request, status, "an error that should not be: it has been logged")


def add_error_handlers(app: FastAPI) -> None:
    """Give the app its error table."""
    app.add_exception_handler(RequestError, _request_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    passing: tuple[type[Exception], ...] = (*_UNAVAILABLE, *DATABASE_ERRORS)
    for kind in passing:
        app.add_exception_handler(kind, _unavailable)
