"""The forms of watches as requests bring them: a search by one click, or fields and a list."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Annotated, Final, NamedTuple

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from app.bounds import BODIES, raise_bound
from app.errors import BadParameter, BadParameters
from app.match.lists import read_list
from app.routes.dependencies import read_pairs
from app.routes.watches.watch_making import Read
from app.search.bodies import FORM, Pairs, read_query_body
from app.watches.asking import DROP
from app.watches.models import Part

MULTIPART: Final = "multipart/form-data"
FILE, LINES, QUERY, SECRET = "file", "positions", "query", "secret"
_MAX_FIELDS: Final = 10
_MAX_BYTES: Final = 5_000_000


class Form(NamedTuple):
    """What a form asks for."""

    given: Pairs
    """The parameters of a watch."""
    secret: str
    read: Read | None = None
    """What reads the positions, if there are any."""
    fields: Mapping[str, str] = MappingProxyType({})
    """Its fields as they were filled in, to be shown again; none of a form that is one click."""

    def need_secret(self) -> str:
        """The secret of a watch that is there already. Raises BadParameters without one."""
        if not self.secret:
            raise BadParameters([BadParameter(SECRET, "give the secret of the watch")])
        return self.secret


async def read_form(request: Request) -> Form:
    """A form of watches. Raises BadBody, BadParameters, or UnknownMedia.

    A query in it is bounded as one in an address is.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != MULTIPART:
        pairs = await read_pairs(request)
        return Form(
            [pair for pair in pairs if pair[0] != SECRET], dict(pairs).get(SECRET, "").strip()
        )
    raise_bound(request.scope, BODIES["/watches/"])
    data, pairs = await _read_parts(request)
    fields = dict(pairs)
    own = [(name, value) for name, value in pairs if name not in (SECRET, QUERY, LINES)]
    if data is None:
        # The field of the radius is never empty: without positions it means nothing.
        own = [(name, value) for name, value in own if name != "radius"]
    # Somebody may paste the whole address of a list.
    query = fields.get(QUERY, "").strip().rpartition("?")[2]
    if (DROP, Part.FILTERS) in own:
        # The field still shows the filters that are to go.
        query = ""
    given = [*own, *(read_query_body(FORM, query.encode()) if query else [])]
    read = None if data is None else partial(read_list, data)
    return Form(given, fields.pop(SECRET, "").strip(), read, fields)


async def _read_parts(request: Request) -> tuple[bytes | None, Pairs]:
    """The list in a form, a file or lines, if there is one; and the fields."""
    lists: list[bytes] = []
    fields: Pairs = []
    limits = {"max_files": 1, "max_fields": _MAX_FIELDS, "max_part_size": _MAX_BYTES}
    async with request.form(**limits) as form:
        for name, value in form.multi_items():
            # A file that nobody chose is sent all the same, and is empty.
            data = await value.read() if isinstance(value, UploadFile) else value.encode()
            if name in (FILE, LINES) and data.strip():
                lists.append(data)
            if name != FILE:
                fields.append((name, data.decode(errors="replace")))
    if len(lists) > 1:
        raise BadParameters([BadParameter(LINES, "send a file or lines, not both")])
    return (lists[0] if lists else None), fields


FormDependency = Annotated[Form, Depends(read_form)]
