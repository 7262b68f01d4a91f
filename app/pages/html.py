"""Pages: the Jinja environment, their security policy, and the error page.

Nothing but `render` makes HTML. Templates escape everything and may use only what they are given.
"""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from app.addresses import alert_address, object_address, quote_object_id
from app.answers.negotiation import send_bytes
from app.pages import assets
from app.search.sphere import round_longitude
from app.settings import settings_of

_TEMPLATES: Final = Path(__file__).parents[1] / "templates"
POLICY: Final[Mapping[str, str]] = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    # Bootstrap draws its arrows and ticks from data: addresses.
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
"""Content-Security-Policy of a page; a route adds the exceptions of its page, with reasons."""
PLOTTED: Final[Mapping[str, str]] = {
    **POLICY,
    # Plotly makes an empty style element and fills it by script: this is the hash of no text.
    "style-src": "'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    # Its PNG is drawn from an SVG that it holds as a blob.
    "img-src": "'self' data: blob:",
}
SAMP: Final[Mapping[str, str]] = {
    # The hub that a program of the reader runs: a button of the page talks to it.
    "connect-src": "'self' http://localhost:21012",
}


_NO_DATE: Final = "no date"
_LONG: Final = 1e9
_UNSAFE: Final = {ord(c): f"\\u{ord(c):04x}" for c in "<>&"}


def _json(value: Any) -> Markup:
    """JSON for a `<script type="application/json">`: no character of it can end the element."""
    return Markup(orjson.dumps(value).decode().translate(_UNSAFE))  # noqa: S704 - escaped here


def format_fixed(value: float | None, digits: int, sign: str = "") -> str:
    """A number with so many decimals, with `sign="+"` signed; empty for None.

    Very large numbers are written with an exponent.
    """
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:{sign}.{digits}f}" if abs(value) < _LONG else f"{value:{sign}.3e}"


def format_longitude(degrees: float | None, digits: int) -> str:
    """An RA or other longitude [deg] with so many decimals; what rounds to 360 is 0."""
    if degrees is not None and math.isfinite(degrees):
        degrees = round_longitude(degrees, digits)
    return format_fixed(degrees, digits)


def _finite(value: Any) -> Any:
    """The value; None for NaN and infinities."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _error(value: float | None, digits: int) -> str:
    text = format_fixed(value, digits)
    return text and f"± {text}"


def _plain(value: Any) -> str:
    """A value as the JSON of the typed API prints it, without quotes."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _moment(time: str | None) -> str:
    """An RFC 3339 time to the second, as MARS wrote it."""
    return _NO_DATE if time is None else time[:19].replace("T", " ")


def _day(time: str | None) -> str:
    return _NO_DATE if time is None else time[:10]


@pass_context
def _asset(context: Context, name: str) -> str:
    """Where the page finds a file below `static`."""
    return f"{context['base']}{assets.asset_address(name)}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals |= {
        "asset": _asset,
        "alert_address": alert_address,
        "object_address": object_address,
    }
    environment.filters |= {
        "json": _json,
        "fixed": format_fixed,
        "longitude": format_longitude,
        "error": _error,
        "finite": _finite,
        "plain": _plain,
        "quoted_id": quote_object_id,
        "moment": _moment,
        "day": _day,
    }
    return environment


ENVIRONMENT: Final = _environment()


def render(
    request: Request,
    template: str,
    *,
    status: int = HTTPStatus.OK,
    policy: Mapping[str, str] = POLICY,
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """A page. It may be cached as long as its JSON; `headers` override the usual ones."""
    # `base` stands before every address of ours.
    base, path = settings_of(request).base_path, request.url.path
    html = ENVIRONMENT.get_template(template).render(base=base, path=path, **context)
    sent = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cache-Control": f"public, max-age={settings_of(request).cache_max_age_s}",
        "Vary": "Accept, Accept-Encoding",
        **(headers or {}),
    }
    return send_bytes(request, html.encode(), "text/html; charset=utf-8", sent, status)


def error_page(
    request: Request,
    status: int,
    title: str,
    detail: str,
    *,
    errors: Sequence[Mapping[str, str | None]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The page in place of a problem document; `errors` name parameters."""
    sent = {"Cache-Control": "no-store", **(headers or {})}
    return render(
        request,
        "error.html",
        status=status,
        headers=sent,
        code=status,
        title=title,
        detail=detail,
        errors=errors,
    )


def redirect(
    request: Request,
    address: str,
    status: int = HTTPStatus.PERMANENT_REDIRECT,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Redirect to another address of this app."""
    return RedirectResponse(settings_of(request).base_path + address, status, headers)
