"""Errors -> RFC 9457 problems, or pages with the same text: one table for all of them."""

import logging
import re
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.answers.negotiation import wants_page
from app.answers.votable import write_error
from app.errors import (
    _UNAVAILABLE,
    DATABASE_ERRORS,
    RETRY_AFTER_S,
    BadParameter,
    BadParameters,
    ClientGone,
    NotFound,
    RangeNotSatisfiable,
    RequestError,
    TooMany,
    UnknownCoding,
    UnknownName,
    UnknownToken,
    reason_of,
)
from app.pages.html import error_page, redirect
from app.settings import settings_of
from app.spelling import Misspelt
from archive.database import is_foreseen

log = logging.getLogger(__name__)


VO: Final = "/vo/"
VOTABLE: Final = "application/x-votable+xml"
PROBLEM: Final = "application/problem+json"
_NOTHING: Final = "no such address; /docs lists the addresses of the API"
_WORD: Final = re.compile("'([^']*)'")
_METHODS: Final = ("GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_QUERY: Final = ":/%?=@[]!$&'()*+,;"
"""What a query may hold as it is (RFC 3986), and what is quoted already."""
_READ_ONLY: Final = "this address does not support this method; see the Allow header"


def problem_response(
    request: Request,
    status: int,
    detail: str,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem document, or a page with the same text; `more` are extension members."""
    if request.url.path.startswith(VO):
        return _vo_error(status, detail, headers)
    title = HTTPStatus(status).phrase
    if wants_page(request):
        errors = more.get("errors", ())
        return error_page(request, status, title, detail, errors=errors, headers=headers)
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": settings_of(request).base_path + request.url.path,
        **more,
    }
    fixed = {"Cache-Control": "no-store"} | (headers or {})
    return Response(orjson.dumps(body), status, media_type=PROBLEM, headers=fixed)


def _vo_error(status: int, detail: str, headers: dict[str, str] | None) -> Response:
    """A VOTable that says the same: clients of the Virtual Observatory read no other."""
    fixed = {"Cache-Control": "no-store"} | (headers or {})
    return Response(write_error(detail), status, media_type=VOTABLE, headers=fixed)


async def _request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    headers: dict[str, str] = {}
    more: dict[str, Any] = {}
    if isinstance(error, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{error.length}"
    if isinstance(error, UnknownCoding):
        headers["Accept-Encoding"] = "gzip"
    if isinstance(error, UnknownToken):
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    if isinstance(error, TooMany):
        headers["Retry-After"] = RETRY_AFTER_S
    if isinstance(error, BadParameters):
        more["errors"] = [e._asdict() for e in error.errors]
    if isinstance(error, UnknownName):
        more["suggestions"] = error.suggestions
    return problem_response(request, error.status, str(error), headers, **more)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # That an optional option is not None either says nothing more.
    told = [e for e in error.errors() if e["type"] != "none_required"]
    if any(e["loc"][0] == "path" for e in told):
        return await _request_error(request, NotFound(_NOTHING))
    return await _request_error(request, BadParameters(list(map(_bad_option, told))))


def _bad_option(error: dict[str, Any]) -> BadParameter:
    """What pydantic says about an option, with the nearest of the words that it allows."""
    # Behind the name `loc` has the number of an item, or the branch of a union.
    name = error["loc"][1]
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
    if error.status_code == HTTPStatus.NOT_FOUND and (other := _other_slash(request)):
        return redirect(request, other)
    known = {HTTPStatus.NOT_FOUND: _NOTHING, HTTPStatus.METHOD_NOT_ALLOWED: _READ_ONLY}
    detail = known.get(HTTPStatus(error.status_code), str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = allowed_methods(request)
    return problem_response(request, error.status_code, detail, headers)


def _other_slash(request: Request) -> str | None:
    """The same address with a slash at its end, or without it, and its query; None: no such."""
    path: str = request.scope["path"]
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    # Not Starlette's own redirect: that leads to the host and scheme behind a proxy.
    scope = {**request.scope, "path": other}
    if not any(route.matches(scope)[0] is not Match.NONE for route in request.app.routes):
        return None
    query = quote(request.scope["query_string"], safe=_QUERY)
    return f"{quote(other)}?{query}" if query else quote(other)


def allowed_methods(request: Request) -> str:
    """The methods of an address, for `Allow`: Starlette names those of its first route only."""
    scopes = [{**request.scope, "method": method} for method in _METHODS]
    found = {
        scope["method"]
        for scope in scopes
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    }
    return ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))


async def _unavailable(request: Request, error: Exception) -> Response:
    if not is_foreseen(error):
        return await answer_unforeseen(request, error)
    if not isinstance(error, ClientGone):
        log.warning("unavailable", extra={"path": request.url.path, "error": repr(error)})
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return problem_response(request, status, reason_of(error), {"Retry-After": RETRY_AFTER_S})


async def answer_unforeseen(request: Request, error: Exception) -> Response:
    """The 500 for errors that no table names. The log gets all of it, the client nothing."""
    log.error("unforeseen error", exc_info=error, extra={"path": request.url.path})
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return problem_response(request, status, "internal error; it has been logged")


def add_error_handlers(app: FastAPI) -> None:
    """Give the app its error table."""
    app.add_exception_handler(RequestError, _request_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    passing: tuple[type[Exception], ...] = (*_UNAVAILABLE, *DATABASE_ERRORS)
    for kind in passing:
        app.add_exception_handler(kind, _unavailable)
