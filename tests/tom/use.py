"""What a user does in the TOM that this runs in; prints one JSON line per step.

argv[1] is the JSON of what is asked: a query, the object to follow, queries that must fail.
"""

import json
import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mytom.settings")
sys.path.insert(0, os.getcwd())
django.setup()

from django.conf import settings  # noqa: E402 - after Django's set-up
from django.contrib.auth.models import User  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from django.urls import reverse  # noqa: E402
from tom_dataproducts.models import PhotometryReducedDatum  # noqa: E402
from tom_dataservices.dataservices import (  # noqa: E402
    QueryServiceError,
    get_data_service_class,
)
from tom_mars import reading  # noqa: E402
from tom_targets.models import Target  # noqa: E402

EMPTY = dict.fromkeys(("ra", "dec", "radius_arcsec", "object_id", "filters", "watch"), "")
Asked = dict[str, Any]
NOWHERE = "http://127.0.0.1:1"


def report(step: str, **found: Any) -> None:
    print(json.dumps({"step": step, **found}, default=str), flush=True)  # noqa: T201 - it is read


def data_of(target: Target) -> list[list[Any]]:
    """The photometry of a target, in order of time."""
    names = ("timestamp", "bandpass", "brightness", "brightness_error", "limit")
    rows = PhotometryReducedDatum.objects.filter(target=target).order_by("timestamp", "pk")
    return [[row.value["kind"], *(getattr(row, name) for name in names)] for row in rows]


def ask_all(service: Any, form: Asked) -> None:
    """A query to its end: every alert, every target."""
    pages: list[str] = []
    read = reading.get

    def counted(base_url: str, path: str, query: Any) -> Any:
        pages.append(path)
        return read(base_url, path, query)

    reading.get = counted
    query = service.build_query_parameters(EMPTY | form)
    candids = [alert["candid"] for alert in service.query_service(query)]
    asked = len(pages)
    names = [target["name"] for target in service.query_targets(query)]
    next(iter(service.query_targets(query)))
    report("query", candids=candids, pages=asked, names=names, first=len(pages) - 2 * asked)
    reading.get = read


def use_pages(form: Asked) -> None:
    """The TOM's own pages, by its own views: form, results, three targets with their data."""
    setup_test_environment()  # It keeps what templates are given.
    User.objects.create_superuser("pi", password="only for this test")
    client = Client()
    client.force_login(User.objects.get(username="pi"))
    filled = EMPTY | {"data_service": "MARS", "query_name": "", **form}
    create = reverse("tom_dataservices:create")
    shown = client.get(create, {"data_service": "MARS"})
    results = client.post(create, filled, follow=True)
    rows = results.context["results"]
    report(
        "results",
        form=shown.status_code,
        rows=[row["name"] for row in rows],
        more=results.context["too_many_results"],
        pictures=[row["thumbnail"] for row in rows[:3]],
        drawn=results.content.decode().count("Science stamp of"),
    )
    chosen = {"data_service": "MARS", "query_id": "", "selected_results": ["0", "1", "2"]}
    client.post(reverse("tom_dataservices:create-target"), chosen)
    made = Target.objects.order_by("pk")
    report("targets", made=[[t.name, t.ra, t.dec, len(data_of(t))] for t in made])


def follow(service: Any, name: str) -> None:
    """One object to a target with its light curve, once more, and by its place alone."""
    query = service.build_query_parameters(EMPTY | {"object_id": name})
    (found,) = service.query_targets(query)
    target = service.to_target(found)
    service.to_reduced_datums(target, service.query_reduced_data(target))
    report("light curve", data=data_of(target))
    service.to_reduced_datums(target, service.query_reduced_data(target))
    report("again", count=len(data_of(target)))
    other = Target.objects.create(name="2021rhu", type="SIDEREAL", ra=target.ra, dec=target.dec)
    service.to_reduced_datums(other, service.query_reduced_data(other))
    report("by place", count=len(data_of(other)))
    stranger = Target.objects.create(name="nowhere", type="SIDEREAL", ra=10.0, dec=-89.0)
    report("stranger", points=service.query_reduced_data(stranger)["photometry"])


def fail(service: Any, forms: list[Asked]) -> None:
    """What is said of queries that cannot be answered, the last by a server that is down."""
    said = []
    for form in [*forms, EMPTY]:
        if form is EMPTY:
            settings.DATA_SERVICES["MARS"] = {"base_url": NOWHERE}
        try:
            list(service.query_targets(service.build_query_parameters(EMPTY | form)))
        except QueryServiceError as error:
            said.append(str(error))
    report("errors", said=said)


def main(asked: Asked) -> None:
    service = get_data_service_class("MARS")()
    ask_all(service, asked["query"])
    use_pages(asked["query"])
    follow(service, asked["object"])
    fail(service, asked["wrong"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
