"""What the form takes, what is asked of MARS for it, and what becomes of a point."""

from typing import Any

import pytest
from tom_dataservices.dataservices import get_data_service_class
from tom_mars.forms import MarsForm
from tom_mars.service import MarsDataService, _photometry_of

CONE = {"ra": "10.5", "dec": "-20", "radius_arcsec": "2"}


def filled(**fields: str) -> MarsForm:
    return MarsForm({"data_service": "MARS", **fields})


def asked(**fields: str) -> dict[str, Any]:
    form = filled(**fields)
    assert form.is_valid(), form.errors
    return MarsDataService().build_query_parameters(form.cleaned_data)


def test_the_toolkit_finds_the_service() -> None:
    assert get_data_service_class("MARS") is MarsDataService
    assert MarsDataService.urls()["base_url"] == "https://mars.example.org"


def test_a_cone_an_object_and_filters() -> None:
    told = asked(**CONE, object_id="ZTF1", filters=" rb__gte = 0.8 \n\nfilter=g\n")
    assert told["path"] == "/alerts"
    assert told["query"] == {
        "cone": '10.5,-20.0,2.0"',
        "object_id": "ZTF1",
        "where": ["rb__gte:0.8", "filter:g"],
    }


def test_a_watch_is_a_list_of_its_own() -> None:
    assert asked(watch="a/b") == {"path": "/watches/a%2Fb/alerts", "query": {}}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ra": "10"}, "a cone needs RA, Dec and radius"),
        (CONE | {"dec": "91"}, "less than or equal to 90"),
        ({"filters": "rb"}, "must be &lt;filter&gt;=&lt;value&gt;"),
        ({"filters": "rb__gte="}, "must be &lt;filter&gt;=&lt;value&gt;"),
        ({"watch": "x", "object_id": "ZTF1"}, "a watch has filters of its own"),
    ],
)
def test_what_is_wrong_is_said(fields: dict[str, str], said: str) -> None:
    form = filled(**fields)
    assert not form.is_valid()
    assert said in str(form.errors)


def forced(**values: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("flux_ujy", "mag", "mag_err", "limit_mag"))
    head = {"kind": "forced", "filter": "g", "time": "2024-01-02T03:04:05.678901Z"}
    return head | empty | values


def test_forced_photometry_that_is_negative_is_no_magnitude() -> None:
    bright = _photometry_of(forced(flux_ujy=50.0, mag=19.0, mag_err=0.1))
    assert bright is not None
    assert (bright["brightness"], bright["more"]) == (19.0, {"brightness_error": 0.1})
    faint = _photometry_of(forced(flux_ujy=-1.0, limit_mag=20.5))
    assert faint is not None
    assert (faint["brightness"], faint["limit"], faint["more"]) == (
        *(None, 20.5, {"brightness_error": None}),
    )
    assert _photometry_of(forced(flux_ujy=-50.0, mag=19.0, mag_err=0.1)) is None
    assert _photometry_of(forced()) is None
    assert _photometry_of(forced(flux_ujy=1.0, limit_mag=20.0, filter=None)) is None
