"""Read MARS with the client of openapi-python-client; print as JSON what was read."""

import json
import sys
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from mars_client import Client
from mars_client.api.alerts import get_alert, list_alerts
from mars_client.api.cutouts import get_avro, get_cutout_fits
from mars_client.api.match import match_positions
from mars_client.api.objects import get_light_curve
from mars_client.models import (
    AlertList,
    AlertWithHistory,
    Band,
    LightCurve,
    MatchList,
    MatchRequest,
    Position,
    Problem,
    Stamp,
)
from mars_client.types import UNSET, File, Unset

T = TypeVar("T")


def sure(kind: type[T], value: object) -> T:
    """The value, which must be of this class."""
    assert isinstance(value, kind), value
    return value


def page_at(mars: Client, search: dict[str, Any], cursor: str | None) -> AlertList:
    page = list_alerts.sync(
        client=mars,
        filter_=Band(search["filter"]),
        rb_gte=search["rb__gte"],
        where=search["where"],
        limit=search["limit"],
        cursor=cursor or UNSET,
    )
    return sure(AlertList, page)


def walk(mars: Client, search: dict[str, Any]) -> dict[str, Any]:
    """All pages by `next`, and back by `prev`."""
    pages = [page_at(mars, search, None)]
    while pages[-1].next_:
        pages.append(page_at(mars, search, pages[-1].next_))
    back = [pages[-1]]
    while back[-1].prev:
        back.append(page_at(mars, search, back[-1].prev))
    return {
        "pages": [page.to_dict() for page in pages],
        "back": [[alert.candid for alert in page.items] for page in back],
    }


def told_by_class(points: list[Any]) -> list[dict[str, Any]]:
    return [{"class": type(point).__name__, **point.to_dict()} for point in points]


def match(mars: Client, asked: dict[str, Any]) -> dict[str, Any]:
    positions = [Position.from_dict(position) for position in asked["positions"]]
    found = match_positions.sync(
        client=mars, body=MatchRequest(positions=positions), radius=asked["radius"], limit=2
    )
    matches: dict[str, Any] = sure(MatchList, found).to_dict()
    return matches


def download(mars: Client, candid: str) -> None:
    cutout = sure(File, get_cutout_fits.sync(candid, Stamp.SCIENCE, client=mars))
    Path("cutout.fits").write_bytes(cutout.payload.read())
    packet = sure(File, get_avro.sync(candid, client=mars))
    Path("packet.avro").write_bytes(packet.payload.read())


def refused(mars: Client) -> dict[str, Any]:
    answer = list_alerts.sync_detailed(client=mars, sort="magpsf")
    problem = sure(Problem, answer.parsed)
    assert not isinstance(problem.errors, Unset)
    assert problem.errors
    return {
        "code": int(answer.status_code),
        "parameter": problem.errors[0].parameter,
        **problem.to_dict(),
    }


def every_operation(mars: Client, operations: list[dict[str, Any]]) -> dict[str, Any]:
    """What each GET operation answers to its required parameters."""
    told = {}
    for operation in operations:
        name = operation["operation"]
        module = import_module(f"mars_client.api.{operation['tag']}.{name}")
        answer = module.sync_detailed(client=mars, **operation["parameters"])
        parsed = answer.parsed
        if isinstance(parsed, File):
            told[name] = {"sha256": sha256(parsed.payload.read()).hexdigest()}
        else:
            told[name] = parsed.to_dict()
    return told


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    with Client(base_url=asked["address"], raise_on_unexpected_status=True) as mars:
        download(mars, asked["candid"])
        curve = sure(LightCurve, get_light_curve.sync(asked["object_id"], client=mars))
        alert = sure(AlertWithHistory, get_alert.sync(asked["candid"], client=mars))
        missing = sure(Problem, get_alert.sync("1", client=mars))
        told = {
            **walk(mars, asked["search"]),
            "curve": told_by_class(curve.points),
            "alert": {**alert.to_dict(), "history": told_by_class(alert.history)},
            "match": match(mars, asked),
            "refused": refused(mars),
            "missing": missing.to_dict(),
            "operations": every_operation(mars, asked["operations"]),
        }
    sys.stdout.write(json.dumps(told))


main()
