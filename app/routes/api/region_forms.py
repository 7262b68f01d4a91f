"""A region as a request brings it: the body itself, or a part of a form, its level beside it."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from fastapi import Request
from starlette.datastructures import UploadFile

from app.errors import BadBody, BadParameter, BadParameters, unknown_parameters
from app.regions.reading import MAX_BYTES
from app.search.values import read_number

FORM: Final = "multipart/form-data"
LEVEL, FILE, TEXT = "credible_level", "file", "moc"
_MAX_FIELDS: Final = 8


class Sent(NamedTuple):
    """The bytes of a region, and what was said of them."""

    data: bytes
    level: float | None
    more: dict[str, str]
    """Other fields of the form, by name; blank ones are left out."""


def read_sent(*more: str) -> Callable[[Request], Awaitable[Sent]]:
    """A dependency that reads a region; `more` are fields that its form may have beside it.

    It raises BadBody, BadParameters.
    """

    async def read(request: Request) -> Sent:
        pairs = list(request.query_params.multi_items())
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == FORM:
            parts, fields = await _read_form(request)
            pairs += fields
        else:
            parts = [await request.body()]
        given = [(name, value) for name, value in pairs if value.strip()]
        names = [name for name, _ in given]
        errors = unknown_parameters(names, (LEVEL, *more))
        errors += [BadParameter(n, "given more than once") for n in {*names} if names.count(n) > 1]
        if errors:
            raise BadParameters(errors)
        if len(parts) != 1:
            raise BadBody(f"send one region: a file as {FILE!r}, or a text as {TEXT!r}")
        told = dict(given)
        level = _read_level(told.pop(LEVEL)) if LEVEL in told else None
        return Sent(parts[0], level, told)

    return read


async def _read_form(request: Request) -> tuple[list[bytes], list[tuple[str, str]]]:
    """The regions in a form, files or texts, and its other fields."""
    parts: list[bytes] = []
    fields: list[tuple[str, str]] = []
    limits = {"max_files": 1, "max_fields": _MAX_FIELDS, "max_part_size": MAX_BYTES}
    async with request.form(**limits) as form:
        for name, value in form.multi_items():
            # A file that nobody chose is sent all the same, and is empty.
            data = await value.read() if isinstance(value, UploadFile) else value.encode()
            if name in (FILE, TEXT):
                parts += [data] if data.strip() else []
            else:
                fields.append((name, data.decode(errors="replace")))
    return parts, fields


def _read_level(text: str) -> float:
    """The credible level. Raises BadParameters."""
    try:
        if not 0 < (level := read_number(text)) < 1:
            raise ValueError("must be between 0 and 1")
    except ValueError as error:
        raise BadParameters([BadParameter(LEVEL, f"{error}; an example is 0.9")]) from None
    return level
