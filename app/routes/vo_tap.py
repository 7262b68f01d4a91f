"""TAP: queries in ADQL, answered at once."""

import asyncio
from collections.abc import Iterator
from typing import IO, Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile
from starlette.responses import StreamingResponse

from app.answers.formats import FORMATS
from app.answers.tabular import Origin
from app.errors import BadQuery
from app.routes.dependencies import SettingsDependency, TapDependency
from app.vo.parameters import MAX_ROWS, Query, named, read_query
from app.vo.running import answer
from app.vo.uploads import MAX_BYTES, Uploaded, read_upload

router = APIRouter(prefix="/vo/tap", include_in_schema=False)
_PIECE: Final = 65_536
MAX_FIELDS: Final = 100


class Asked:
    """The parameters of a request, in its address or its body, and the files with it."""

    def __init__(self, parameters: dict[str, str], files: dict[str, bytes]) -> None:
        self.parameters, self.files = parameters, files

    def part(self, name: str) -> bytes:
        """A part of the request. Raises BadQuery."""
        text = self.parameters.get(name.upper())
        data = self.files.get(name) or (text.encode() if text else None)
        if data is None:
            raise BadQuery(f"UPLOAD: there is no part {name[:40]!r} in the request")
        return data


async def read_asked(request: Request) -> Asked:
    """The parameters and files of a request. Raises BadQuery."""
    pairs, files = list(request.query_params.multi_items()), {}
    if request.method == "POST":
        # A form's texts may be long: queries are.
        async with request.form(
            max_files=20, max_fields=MAX_FIELDS, max_part_size=MAX_BYTES
        ) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    files[name] = await value.read()
                else:
                    pairs.append((name, value))
    return Asked(named(pairs), files)


AskedDependency = Annotated[Asked, Depends(read_asked)]


async def read_tables(query: Query, asked: Asked) -> list[Uploaded]:
    """The tables that a query brings. Raises BadQuery."""
    return [
        await asyncio.to_thread(read_upload, name, asked.part(part))
        for name, part in query.uploads.items()
    ]


@router.api_route("/sync", methods=["GET", "POST"])
async def run_query(
    request: Request,
    asked: AskedDependency,
    tap: TapDependency,
    settings: SettingsDependency,
) -> Response:
    """The answer to a query."""
    query = read_query(asked.parameters, MAX_ROWS)
    uploads = await read_tables(query, asked)
    origin = Origin(settings.public_url, f"{settings.public_url}/vo/tap/sync", None)
    file, written = await answer(tap, query, uploads, origin)
    wanted = FORMATS[query.format]
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": f'inline; filename="result.{wanted.suffix}"',
        "X-Truncated": str(written.overflowed).lower(),
    }
    return StreamingResponse(
        _pieces(file),
        headers=headers,
        media_type=wanted.media_type,
        background=BackgroundTask(file.close),
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece
