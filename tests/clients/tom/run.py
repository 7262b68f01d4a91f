"""TOM Toolkit 2.13.0, unmodified, against the MARS at argv[1], as a TOM uses its broker.

Prints one JSON line per step. Runs in an environment of its own; argv[2] is the JSON of a filled
query form, argv[3] the number of the alert to follow.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

APPS = """
django.contrib.admin django.contrib.auth django.contrib.contenttypes django.contrib.sessions
django.contrib.messages django.contrib.staticfiles django.contrib.sites django_extensions guardian
tom_common django_comments bootstrap4 crispy_forms rest_framework rest_framework.authtoken
django_filters django_gravatar tom_targets tom_alerts tom_catalogs tom_observations
tom_dataproducts
""".split()
"""As `tom_setup` writes them."""


def report(step: str, **found: Any) -> None:
    print(json.dumps({"step": step, **found}), flush=True)  # noqa: T201 - the test reads it


def start() -> None:
    """A TOM with nothing but what the broker needs."""
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    settings.configure(
        INSTALLED_APPS=APPS,
        DATABASES={"default": database},
        TOM_ALERT_CLASSES=["tom_alerts.brokers.mars.MARSBroker"],
        DATA_PRODUCT_TYPES={"photometry": ("photometry", "Photometry")},
        DATA_PROCESSORS={},
        HOOKS={},
        EXTRA_FIELDS=[],
        SITE_ID=1,
        ROOT_URLCONF="tom_common.urls",
        SECRET_KEY="only for this test",
        CRISPY_TEMPLATE_PACK="bootstrap4",
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)


def flat(alerts: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """2.13.0 puts the (alerts, feedback) of each further page as it is behind the alerts."""
    for alert in alerts:
        if isinstance(alert, dict):
            yield alert
        elif not isinstance(alert, str):
            yield from flat(alert)


def fill_form(broker: Any, fields: dict[str, Any]) -> Any:
    """The query form as a user fills and saves it; what a stored query holds afterwards."""
    from tom_alerts.models import BrokerQuery  # noqa: PLC0415 - only after Django's set-up

    form = broker.form({"query_name": "test", "broker": broker.name, **fields})
    report("query form", valid=form.is_valid(), errors=dict(form.errors))
    return BrokerQuery.objects.get(pk=form.save().pk).parameters


def follow(broker: Any, number: str) -> None:
    """One alert, to a target and its photometry, and all of it once more from the target alone."""
    from tom_dataproducts.models import ReducedDatum  # noqa: PLC0415

    alert = broker.fetch_alert(number)
    report("fetch_alert", candid=alert["candid"], history=len(alert["prv_candidate"]))
    target = broker.to_target(deepcopy(alert))
    report(
        "to_target",
        name=target.name,
        ra=target.ra,
        dec=target.dec,
        galactic_lng=target.galactic_lng,
        galactic_lat=target.galactic_lat,
    )
    generic = broker.to_generic_alert(alert)
    report("to_generic_alert", **{**vars(generic), "timestamp": generic.timestamp.isoformat()})
    broker.process_reduced_data(target, alert)
    data = ReducedDatum.objects.filter(target=target).order_by("pk")
    points = [[datum.timestamp.isoformat(), datum.value] for datum in data]
    report("process_reduced_data", points=points)
    broker.process_reduced_data(target)
    report("process_reduced_data again", points=data.count())


def show(broker: Any, fields: dict[str, Any]) -> None:
    """The TOM's own page of a stored query."""
    from django.test import RequestFactory  # noqa: PLC0415
    from tom_alerts.models import BrokerQuery  # noqa: PLC0415
    from tom_alerts.views import RunQueryView  # noqa: PLC0415

    query = BrokerQuery.objects.create(name="page", broker=broker.name, parameters=fields)
    view = RunQueryView()
    view.setup(RequestFactory().get("/"), pk=query.pk)
    report("RunQueryView", numbers=[one.id for one in view.get_context_data()["alerts"]])


def main(address: str, fields: str, number: str) -> None:
    start()
    from tom_alerts.brokers import mars  # noqa: PLC0415

    mars.MARS_URL = address
    broker = mars.MARSBroker()
    parameters = fill_form(broker, json.loads(fields))
    alerts, feedback = broker.fetch_alerts(deepcopy(parameters))
    candids = [alert["candid"] for alert in flat(alerts)]
    report("fetch_alerts", candids=candids, feedback=feedback)
    follow(broker, number)
    show(broker, {"rb__gte": 0.95})


if __name__ == "__main__":
    main(*sys.argv[1:])
