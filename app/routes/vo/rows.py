"""Cone search, DataLink and the record for a registry."""

from typing import Final

from fastapi import APIRouter, Request, Response

from app.answers.bodies import send_table
from app.answers.formats import FORMATS
from app.answers.negotiation import send_bytes
from app.answers.tabular import Ending
from app.answers.votable import write_error
from app.errors import BadQuery
from app.routes.dependencies import ArchiveDependency, SettingsDependency
from app.routes.vo.forms import AskedDependency
from app.vo.cone import cone_table, find_in_cone, read_cone
from app.vo.documents import XML, render
from app.vo.links import MEDIA, TABLE, find_links, link_values

router = APIRouter(prefix="/vo", include_in_schema=False)
_VOTABLE: Final = FORMATS["votable"]


@router.api_route("/scs", methods=["GET", "POST"])
async def search_cone(
    request: Request,
    asked: AskedDependency,
    archive: ArchiveDependency,
    settings: SettingsDependency,
) -> Response:
    """Simple Cone Search: RA, DEC and SR in degrees.

    A bad search is answered with 200 and an INFO named Error (1.03, section 2.3).
    """
    try:
        query = read_cone(asked.parameters)
    except BadQuery as error:
        told = write_error("", name="Error", value=str(error))
        return Response(told, media_type=_VOTABLE.media_type, headers={"Cache-Control": "no-store"})
    table = cone_table(query)
    if query.cone is None or not query.most:
        nothing = [()] * len(table.columns)
        return send_table(request, _VOTABLE, table, nothing, Ending(None, None))
    api = f"{settings.public_url}/api/v1"
    values, more, as_of = await find_in_cone(archive, query, api)
    return send_table(request, _VOTABLE, table, values, Ending("" if more else None, as_of))


@router.api_route("/datalink/links", methods=["GET", "POST"])
async def list_links(
    request: Request,
    asked: AskedDependency,
    archive: ArchiveDependency,
    settings: SettingsDependency,
) -> Response:
    """What belongs to the alerts of one ID or several."""
    given = [(name.upper(), value) for name, value in asked.pairs]
    ids = [value for name, value in given if name == "ID" and value.strip()]
    wanted = dict(given).get("RESPONSEFORMAT", "votable").lower()
    if "votable" not in wanted and "xml" not in wanted:
        raise BadQuery("RESPONSEFORMAT must be votable")
    links = await find_links(archive, ids, settings.public_url)
    ending, told = Ending(None, None), {"Content-Type": MEDIA}
    return send_table(request, _VOTABLE, TABLE, link_values(links), ending, headers=told)


@router.get("/record.xml")
async def get_record(request: Request, settings: SettingsDependency) -> Response:
    """The service as a registry has it; to register it is the operator's act."""
    text = render("record", address=settings.public_url)
    return send_bytes(request, text.encode(), XML, {"Cache-Control": "public, max-age=60"})
