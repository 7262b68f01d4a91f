"""An RA of nearly 360 as people read it: 0 once it is rounded, on every page."""

import math
import re

from hypothesis import example, given
from hypothesis import strategies as st

from app.pages.html import format_fixed, format_longitude
from app.search.sphere import round_longitude
from tests import packets
from tests.app import sky
from tests.app.conftest import fresh_archive, serving, take_in

NEAR = 359.99999999
HTML = {"accept": "text/html"}
NAME = "ZTF26edge"


@given(st.floats(0, 360) | st.floats(359.9, 360), st.integers(0, 12))
@example(359.99999, 3)
@example(360.0, 5)
@example(math.nextafter(360, 0), 12)
def test_a_longitude_stays_below_360(degrees: float, digits: int) -> None:
    text = format_longitude(degrees, digits)
    assert 0 <= float(text) < 360
    assert float(text) == round_longitude(degrees, digits)
    apart = abs(float(text) - degrees)
    assert min(apart, 360 - apart) <= 0.5 * 10**-digits * (1 + 1e-9) + 1e-13
    assert text in (format_fixed(degrees, digits), format_fixed(0.0, digits))


def test_what_is_no_longitude_is_written_as_any_number() -> None:
    for value in (None, math.nan, math.inf, 1e300, -999.0):
        assert format_longitude(value, 3) == format_fixed(value, 3)


async def test_no_page_shows_360() -> None:
    """The list, the alert with its neighbours and links elsewhere, the object, the night, forms."""
    async with fresh_archive() as settings:
        messages = [
            packets.packet(candid=candid, object_id=NAME, ra=NEAR, dec=20.0)
            for candid in (sky.FIRST, sky.SECOND)
        ]
        await take_in(settings, messages, "ztf_20260131_programid1")
        async with serving(settings) as client:
            (day, *_) = (await client.get(f"/api/v1/alerts/{sky.FIRST}")).json()["time"].split("T")
            pages = [
                *("/", f"/{sky.FIRST}/", f"/objects/{NAME}/", f"/nights/{day.replace('-', '')}/"),
                "/docs/openapi.json",
            ]
            for path in pages:
                answer = await client.get(path, headers=HTML)
                assert answer.status_code == 200, path
                assert not re.findall(r".{40}\b360\.0.{9}", answer.text), path
                assert re.search(r"\b0\.00", answer.text), path
            led = await client.get("/search", params={"q": "359.99999999 20"})
            assert led.headers["location"].startswith("/?cone=0.0,20.0,")
