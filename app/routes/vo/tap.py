"""TAP: queries in ADQL, answered at once."""

from collections.abc import Iterator
from functools import partial
from typing import IO, Final

from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from app.answers.tabular import Origin
from app.incoming import read_in_turn
from app.routes.dependencies import SettingsDependency, TapDependency
from app.routes.vo.forms import Asked, AskedDependency
from app.vo.formats import RESULTS
from app.vo.parameters import MAX_ROWS, Query, read_query
from app.vo.running import answer
from app.vo.uploads import Uploaded, read_upload

router = APIRouter(prefix="/vo/tap", include_in_schema=False)
_PIECE: Final = 65_536


async def read_tables(query: Query, asked: Asked) -> list[Uploaded]:
    """The tables that a query brings. Raises BadQuery."""
    return [
        await read_in_turn(partial(read_upload, name), asked.part(part))
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
    wanted = RESULTS[query.format]
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
