"""Parameters of the Virtual Observatory's services: in the address, in a form, in files with it."""

from typing import Annotated, Final

from fastapi import Depends, Request
from starlette.datastructures import UploadFile

from app.errors import BadQuery
from app.vo.links import MAX_IDS
from app.vo.parameters import named
from app.vo.uploads import MAX_BYTES

_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_MAX_FIELDS: Final = MAX_IDS + 100
_MAX_FILES: Final = 20


class Asked:
    """The parameters of a request, in its address or its body, and the files with it."""

    def __init__(self, pairs: list[tuple[str, str]], files: dict[str, bytes]) -> None:
        self.pairs, self.files = pairs, files

    @property
    def parameters(self) -> dict[str, str]:
        """By upper-case name. Raises BadQuery for one that is given twice."""
        return named(self.pairs)

    def part(self, name: str) -> bytes:
        """A part of the request. Raises BadQuery."""
        text = self.parameters.get(name.upper())
        data = self.files.get(name) or (text.encode() if text else None)
        if data is None:
            raise BadQuery(f"UPLOAD: there is no part {name[:40]!r} in the request")
        return data


async def read_asked(request: Request) -> Asked:
    """The parameters and files of a request. Raises BadQuery, and what a body may raise."""
    pairs: list[tuple[str, str]] = list(request.query_params.multi_items())
    files: dict[str, bytes] = {}
    if request.method != "POST":
        return Asked(pairs, files)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _FORMS:
        if await request.body():
            raise BadQuery("the body must be a form: parameters, and files by multipart/form-data")
        return Asked(pairs, files)
    # A form's texts may be long: queries are.
    limits = {"max_files": _MAX_FILES, "max_fields": _MAX_FIELDS, "max_part_size": MAX_BYTES}
    async with request.form(**limits) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files[name] = await value.read()
            else:
                pairs.append((name, value))
    return Asked(pairs, files)


AskedDependency = Annotated[Asked, Depends(read_asked)]
