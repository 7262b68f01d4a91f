"""Batch match: many positions in, the alerts near each of them out."""

from collections.abc import AsyncIterator
from typing import Final

from fastapi import APIRouter, Depends, Request, Response

from app.answers.bodies import VARY, origin_of
from app.answers.encoding import coding_of
from app.answers.formats import FORMATS, JSON
from app.answers.streams import Breakable, compress_pieces
from app.match.crossmatch import Piece
from app.match.models import MatchList
from app.match.tagged import write_json, write_json_lines, write_table
from app.match.targets import MAX_POSITIONS, Targets
from app.match.uploads import read_targets
from app.openapi.described import PROBLEMS
from app.openapi.match import match_body, match_parameters, match_responses
from app.routes.dependencies import (
    MatcherDependency,
    MatchQueryDependency,
    SettingsDependency,
    count_match,
)

router = APIRouter(prefix="/api/v1/match", tags=["match"], responses=PROBLEMS)
_INSTEAD: Final = ": send them to /api/v1/match/jobs"


@router.post(
    "",
    response_model=MatchList,
    responses=match_responses(),
    dependencies=[Depends(count_match)],
    openapi_extra={"parameters": match_parameters(), "requestBody": match_body()},
)
async def match_positions(
    request: Request,
    query: MatchQueryDependency,
    matcher: MatcherDependency,
    settings: SettingsDependency,
) -> Response:
    """The alerts near each of up to 10,000 positions, nearest first, as a stream.

    A position is `{id, ra, dec, radius}` in degrees; the radius may end in `d`, `'` or `"`, and
    defaults to the parameter `radius`. The answer names each position by its place in the list
    (`index`, from 0) and its `id`. Each position gets at most `limit` alerts, and `truncated` says
    whether more matched. Filters apply to every position. All bad positions are refused together,
    by index and id. For more than 10,000 positions use `/api/v1/match/jobs`.
    """
    search, targets = query.search, Targets(query.radius, MAX_POSITIONS, _INSTEAD)
    asked = []
    async for some in read_targets(request, targets):
        asked += some
    as_of = await matcher.settle_as_of(search.as_of)
    pieces = await _begun(matcher.pieces(asked, search, as_of))
    wanted = FORMATS[search.format]
    headers = {"Vary": VARY, "Cache-Control": "no-store", "X-As-Of": str(as_of)}
    headers["Content-Disposition"] = f'attachment; filename="matches.{wanted.suffix}"'
    write = {JSON: write_json, "jsonl": write_json_lines}.get(search.format, write_table)
    body = write(pieces, search, origin_of(request, as_of), f"{settings.public_url}/api/v1")
    if coding := None if wanted.squeezed else coding_of(request):
        headers["Content-Encoding"] = coding.name
        body = compress_pieces(body, coding)
    return Breakable(body, headers=headers, media_type=wanted.media_type)


async def _begun(pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """The same pieces, the first one at hand: what fails before it is still an error."""
    first = await anext(pieces)

    async def all_of_them() -> AsyncIterator[Piece]:
        yield first
        async for piece in pieces:
            yield piece

    return all_of_them()
