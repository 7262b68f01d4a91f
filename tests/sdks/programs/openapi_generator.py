"""Read MARS with the Python client of openapi-generator; print as JSON what was read."""

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import mars_api
from mars_api import (
    AlertList,
    AlertsApi,
    ApiClient,
    ApiException,
    Band,
    Configuration,
    CutoutsApi,
    MatchApi,
    MatchRequest,
    ObjectsApi,
    Problem,
    Stamp,
)


def values(model: Any) -> Any:
    return json.loads(model.to_json())


def page_at(mars: ApiClient, search: dict[str, Any], cursor: str | None) -> AlertList:
    return AlertsApi(mars).list_alerts(
        filter=Band(search["filter"]),
        rb__gte=search["rb__gte"],
        where=search["where"],
        limit=search["limit"],
        cursor=cursor,
    )


def walk(mars: ApiClient, search: dict[str, Any]) -> dict[str, Any]:
    """All pages by `next`, and back by `prev`."""
    pages = [page_at(mars, search, None)]
    while pages[-1].next:
        pages.append(page_at(mars, search, pages[-1].next))
    back = [pages[-1]]
    while back[-1].prev:
        back.append(page_at(mars, search, back[-1].prev))
    return {
        "pages": [values(page) for page in pages],
        "back": [[alert.candid for alert in page.items] for page in back],
    }


def told_by_class(points: list[Any]) -> list[dict[str, Any]]:
    known = [point.actual_instance for point in points]
    return [{"class": type(point).__name__, **values(point)} for point in known]


def download(mars: ApiClient, candid: str) -> None:
    cutout = CutoutsApi(mars).get_cutout_fits(candid, Stamp.SCIENCE)
    Path("cutout.fits").write_bytes(cutout)
    Path("packet.avro").write_bytes(CutoutsApi(mars).get_avro(candid))


def refused(mars: ApiClient) -> dict[str, Any]:
    try:
        AlertsApi(mars).list_alerts(sort="magpsf")
    except ApiException as error:
        problem = error.data
        assert isinstance(problem, Problem)
        assert problem.errors
        parameter = problem.errors[0].parameter
        return {"code": error.status, "parameter": parameter, **values(problem)}
    raise AssertionError("not refused")


def every_operation(mars: ApiClient, operations: list[dict[str, Any]]) -> dict[str, Any]:
    """What each GET operation answers to its required parameters."""
    told = {}
    for operation in operations:
        name = operation["operation"]
        api = getattr(mars_api, f"{operation['tag'].title()}Api")(mars)
        try:
            answer = getattr(api, name)(**operation["parameters"])
        except ApiException as error:
            answer = error.data
        is_bytes = isinstance(answer, bytes | bytearray)
        told[name] = {"sha256": sha256(answer).hexdigest()} if is_bytes else values(answer)
    return told


def main() -> None:
    asked = json.loads(Path(sys.argv[1]).read_text())
    with ApiClient(Configuration(host=asked["address"])) as mars:
        download(mars, asked["candid"])
        curve = ObjectsApi(mars).get_light_curve(asked["object_id"])
        alert = AlertsApi(mars).get_alert(asked["candid"])
        request = MatchRequest.from_dict({"positions": asked["positions"]})
        assert request is not None
        found = MatchApi(mars).match_positions(request, radius=asked["radius"], limit=2)
        try:
            AlertsApi(mars).get_alert("1")
        except ApiException as error:
            missing = error.data
        told = {
            **walk(mars, asked["search"]),
            "curve": told_by_class(curve.points),
            "alert": {**values(alert), "history": told_by_class(alert.history)},
            "match": values(found),
            "refused": refused(mars),
            "missing": values(missing),
            "operations": every_operation(mars, asked["operations"]),
        }
    sys.stdout.write(json.dumps(told))


main()
