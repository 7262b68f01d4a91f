"""Links to other services: each leads to the place and the object of the page, wherever that is."""

import math
import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from app.pages.details.elsewhere import links
from app.surveys.ztf.linkouts import SERVICES
from tests import packets
from tests.app import sky
from tests.app.conftest import fresh_archive, serving, take_in

NAME = "ZTF18aaaaaaa"
HTML = {"accept": "text/html"}
PLACES = [
    *((10.684708, 41.26875), (266.416833, -29.007806), (0.0, 0.0), (180.0, 90.0), (12.5, -90.0)),
    *((359.9999999, 89.9999999), (1e-9, -1e-9), (23.0000004, -0.0000004), (0.5, -0.25)),
]
IN_QUERY = {
    "SIMBAD": ("Coord", r"(\S+) (\S+)"),
    "NED": ("coordinates", r"(\S+)d (\S+)d"),
    "VizieR": ("-c", r"(\S+) (\S+)"),
    "Pan-STARRS1": ("pos", r"(\S+) (\S+)"),
    "IRSA": ("POS", r"CIRCLE (\S+) (\S+) 0.000417"),
}
"""Services that take a position as one value: its name, and how it is written there."""
APART = {"TNS": ("ra", "decl"), "Legacy Survey": ("ra", "dec")}
BY_NAME = {"Finding chart", "ALeRCE", "Fink", "Lasair", "ANTARES"}
NUMBER = re.compile(r"-?\d{1,3}\.\d{6}")


def place_in(name: str, address: str) -> tuple[str, str]:
    """RA and Dec in an address, as its service reads them."""
    query = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    if name in APART:
        ra, dec = (query[key] for key in APART[name])
        assert query.get("mark", f"{ra},{dec}") == f"{ra},{dec}"
        return ra, dec
    if name == "Altitude tonight":
        steps = dict(step.split(":") for step in urlsplit(address).path.split("/")[2:])
        assert steps["object"] == NAME
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", steps["date"])
        return steps["ra"], steps["dec"]
    key, written = IN_QUERY[name]
    found = re.fullmatch(written, query[key])
    assert found is not None, address
    return found[1], found[2]


@pytest.mark.parametrize(("ra", "dec"), PLACES)
def test_each_leads_to_the_place(ra: float, dec: float) -> None:
    found = {link.name: link.address for link in links(NAME, ra, dec)}
    assert len(found) == len(SERVICES)
    for name, address in found.items():
        assert re.fullmatch(r"https://[!-z{|}~]+", address), address
        assert "{" not in address
        if name in BY_NAME:
            assert NAME in address
        elif name != "ZTF forced photometry":
            told = place_in(name, address)
            assert all(NUMBER.fullmatch(one) for one in told), address
            assert not any(one == "-0.000000" for one in told)
            there = tuple(map(float, told))
            assert 0 <= there[0] < 360
            assert abs(there[1] - dec) <= 5.1e-7
            assert math.isclose(math.cos(math.radians(there[0] - ra)), 1, abs_tol=1e-12)


def test_a_name_cannot_leave_its_place() -> None:
    strange = "a b/../?x=1&y#z"
    for link in links(strange, 1.0, 2.0):
        assert strange not in link.address
        if link.name in BY_NAME:
            assert strange in unquote(link.address)
            assert "#" not in link.address


async def test_pages_of_alerts_and_objects_have_them_all() -> None:
    """Also the map of the sky, in numbers without an exponent."""
    async with fresh_archive() as settings:
        message = packets.packet(candid=sky.FIRST, object_id=NAME, ra=0.00001, dec=-0.00002)
        await take_in(settings, [message], "ztf_20260131_programid1")
        async with serving(settings) as client:
            for path in (f"/{sky.FIRST}/", f"/objects/{NAME}/"):
                text = (await client.get(path, headers=HTML)).text.replace("&amp;", "&")
                for link in links(NAME, 0.00001, -0.00002):
                    assert f'href="{link.address}"' in text, link.name
                assert f'href="/sky/{sky.FIRST}/"' in text
            map_of_sky = (await client.get(f"/sky/{sky.FIRST}/", headers=HTML)).text
    assert 'data-ra="0.0000100" data-dec="-0.0000200"' in map_of_sky
