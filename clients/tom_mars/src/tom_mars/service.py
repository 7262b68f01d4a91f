"""The data service: a query gives targets, a target its light curve."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from tom_dataproducts.models import PhotometryReducedDatum
from tom_dataservices.dataservices import DataService, NotConfiguredError
from tom_dataservices.forms import BaseQueryForm
from tom_targets.models import Target

from tom_mars.forms import CONE, MarsForm
from tom_mars.reading import NotThere, get, read_all

Item = dict[str, Any]
Query = dict[str, Any]

SAME_OBJECT_ARCSEC: Final = 1.5
SHOWN: Final = "candid,object_id,time,filter,magpsf,isdiffpos,ra,dec,links"
KINDS: Final = ("detection", "earlier_detection", "upper_limit", "forced")


class MarsDataService(DataService):
    """MARS, the archive of alerts, at the address that the TOM's settings name."""

    name = "MARS"
    verbose_name = "MARS: alerts of sky surveys"
    service_notes = "Search alerts by place, object, any field, or a watch; newest first."
    query_results_table = "tom_mars/results.html"

    @classmethod
    def get_form_class(cls) -> type[BaseQueryForm]:
        """The query form."""
        return MarsForm

    @classmethod
    def urls(cls, **kwargs: Any) -> dict[str, str]:
        """Where MARS is, and its help. Raises NotConfiguredError."""
        configured = cls.get_configuration("base_url")
        if not configured:
            raise NotConfiguredError("DATA_SERVICES['MARS'] has no base_url")
        base_url = str(configured).rstrip("/")
        return {"base_url": base_url, "info_url": f"{base_url}/help/"}

    # ---------------------------------------------------------------------------------------------
    # Targets
    # ---------------------------------------------------------------------------------------------

    def build_query_parameters(self, parameters: Item, **kwargs: Any) -> Query:
        """What is asked of MARS: the path of a list and its parameters."""
        if watch := parameters.get("watch"):
            return {"path": f"/watches/{quote(watch, safe='')}/alerts", "query": {}}
        query: Query = {}
        if all(parameters.get(name) not in (None, "") for name in CONE):
            ra, dec, radius = (parameters[name] for name in CONE)
            query["cone"] = f'{ra!r},{dec!r},{radius!r}"'
        if parameters.get("object_id"):
            query["object_id"] = parameters["object_id"]
        pairs = [line.partition("=") for line in (parameters.get("filters") or "").splitlines()]
        query["where"] = [f"{name.strip()}:{value.strip()}" for name, _, value in pairs]
        return {"path": "/alerts", "query": query}

    def query_service(self, query_parameters: Query, **kwargs: Any) -> Iterator[Item]:
        """Every alert that matches, newest first, page by page as they are taken."""
        query = query_parameters["query"] | {"fields": SHOWN}
        return read_all(self.urls()["base_url"], query_parameters["path"], query)

    def query_targets(self, query_parameters: Query, **kwargs: Any) -> Iterator[Item]:
        """Each object once, with its newest alert that matches. It has an end if the query has."""
        seen: set[str] = set()
        for alert in self.query_service(query_parameters, **kwargs):
            if alert["object_id"] not in seen:
                seen.add(alert["object_id"])
                yield _target_of(alert, self.urls()["base_url"])

    def create_target_from_query(self, target_result: Item, **kwargs: Any) -> Target:
        """A target at the place of the alert; it is not saved yet."""
        place = {name: target_result[name] for name in ("name", "ra", "dec")}
        return Target(type="SIDEREAL", **place)

    # ---------------------------------------------------------------------------------------------
    # Light curves
    # ---------------------------------------------------------------------------------------------

    def build_query_parameters_from_target(self, target: Target, **kwargs: Any) -> Query:
        """A target's own names, and its place for one that MARS knows by another name."""
        return {"names": list(target.names), "place": (target.ra, target.dec)}

    def query_photometry(self, query_parameters: Query, **kwargs: Any) -> list[Item]:
        """The points of the light curve; none for a target that MARS does not know."""
        base_url = self.urls()["base_url"]
        for name in query_parameters["names"]:
            try:
                return _read_curve(base_url, name)
            except NotThere:
                continue
        ra, dec = query_parameters["place"]
        if ra is None or dec is None:
            return []
        cone = f'{ra!r},{dec!r},{SAME_OBJECT_ARCSEC}"'
        found = get(base_url, "/objects", {"cone": cone, "limit": 1})["items"]
        return _read_curve(base_url, found[0]["object_id"]) if found else []

    def create_reduced_datums_from_query(
        self, target: Target, data: Sequence[Item], data_type: str | None = None, **kwargs: Any
    ) -> list[PhotometryReducedDatum]:
        """The points as photometry of the target; those that are there already are left alone."""
        base_url = self.urls()["base_url"]
        made = []
        for point in data:
            if values := _photometry_of(point):
                datum, _ = PhotometryReducedDatum.objects.get_or_create(
                    target=target,
                    defaults=_origin_of(point, base_url) | values.pop("more"),
                    **values,
                )
                made.append(datum)
        return made


def _target_of(alert: Item, base_url: str) -> Item:
    """A row of the results; the thumbnail is empty where the packet has no such stamp."""
    return {
        "name": alert["object_id"],
        "ra": alert["ra"],
        "dec": alert["dec"],
        "time": alert["time"],
        "filter": alert["filter"],
        "magpsf": alert["magpsf"],
        "fainter": alert["isdiffpos"] is False,
        "thumbnail": _picture_of(alert["links"]["science"]),
        "page": f"{base_url}/objects/{quote(alert['object_id'], safe='')}/",
    }


def _picture_of(stamp: str | None) -> str:
    return "" if stamp is None else stamp.removesuffix(".fits") + ".png"


def _read_curve(base_url: str, name: str) -> list[Item]:
    path = f"/objects/{quote(name, safe='')}/lightcurve"
    points: list[Item] = get(base_url, path, {"kind": KINDS})["points"]
    return points


def _photometry_of(point: Item) -> Item | None:
    """What makes a datum of a point, and `more` beside it; None for one without a magnitude.

    Forced photometry that is negative has no magnitude: its limit counts, if it has one.
    """
    error = None
    if point["kind"] == "upper_limit":
        brightness, limit = None, point["diffmaglim"]
    elif point["kind"] == "forced":
        positive = (point["flux_ujy"] or 0) > 0
        brightness, limit = (point["mag"] if positive else None), point["limit_mag"]
        error = point["mag_err"]
    else:
        brightness, limit, error = point["magpsf"], None, point["sigmapsf"]
    if (brightness is None and limit is None) or point["filter"] is None:
        return None
    return {
        "timestamp": datetime.fromisoformat(point["time"]),
        "bandpass": point["filter"],
        "unit": "mag",
        "brightness": brightness,
        "limit": limit,
        "reduction_version": "forced" if point["kind"] == "forced" else "",
        "more": {"brightness_error": None if brightness is None else error},
    }


def _origin_of(point: Item, base_url: str) -> Item:
    """Where a point comes from; a magnitude of a difference says nothing without its sign."""
    kept = {
        name: point[name] for name in ("kind", "candid", "isdiffpos", "flux_ujy") if name in point
    }
    candid = point.get("candid") if point["kind"] == "detection" else None
    where = f"{base_url}/{candid}/" if candid else base_url
    return {"source_name": MarsDataService.name, "source_location": where, "value": kept}
