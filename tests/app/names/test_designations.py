"""What people type, and how it is read."""

import math
import time
from contextlib import suppress

import pytest
from astropy.coordinates import SkyCoord
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.names.coordinates import read_position
from app.names.designations import Kind, interpret
from app.search.sphere import mean_position

M31 = (10.684583, 41.269167)
ARCSEC = 1 / 3600


@pytest.mark.parametrize(
    ("text", "ra", "dec", "radius_arcsec"),
    [
        ("10.68 41.27", 10.68, 41.27, 36),
        ("10.684583 +41.269167", *M31, 2),
        ("10.684583,+41.269167", *M31, 2),
        (" 10.684583 , 41.269167 ", *M31, 2),
        ("10.684583d 41.269167d", *M31, 2),
        (".5 -.5", 0.5, -0.5, 360),
        ("10 41", 10.0, 41.0, 3600),
        ("360.0 0.0", 0.0, 0.0, 360),
        ("00:42:44.3 +41:16:09", *M31, 2),
        ("00:42:44.3 41:16:09", *M31, 2),
        ("00:42:44.3+41:16:09", *M31, 2),
        ("0:42:44.3, 41:16:09", *M31, 2),
        ("00:42:44.30 −41:16:09.0", M31[0], -M31[1], 2),
        ("00 42 44.3 +41 16 09", *M31, 2),
        ("00 42 44.3 -41 16 09", M31[0], -M31[1], 2),
        ("00h42m44.3s +41d16m09s", *M31, 2),
        ("00h42m44.3s+41°16′09″", *M31, 2),
        ("00H 42M 44.3S +41D 16M 09S", *M31, 2),
        ("10d41m04.5s +41d16m09s", 10.684583, 41.269167, 2),
        ("00:42:44 +41:16:09", 10.683333, 41.269167, 15),
        ("00:42 +41:16", 10.5, 41.266667, 900),
        ("00:00:00.0 -00:00:36.0", 0.0, -0.01, 2),
        ("J004244.3+411609", *M31, 2),
        ("SDSS J004244.3+411609", *M31, 2),
        ("SDSSJ004244.30-411609.0", M31[0], -M31[1], 2),
        ("10.684583,41.269167,0.1", *M31, 360),
        ('10.684583, 41.269167, 5"', *M31, 5),
        ('10.68 41.27 r=5"', 10.68, 41.27, 5),
        ("05 35.3 -05 23.5", 83.825, -5.391667, 90),
        ("05 35.3-05 23.5", 83.825, -5.391667, 90),
        ("05:35.3, -05:23.5", 83.825, -5.391667, 90),
        ("05h35.3m -05d23.5m", 83.825, -5.391667, 90),
        ("05h 30d", 75.0, 30.0, 54000),
        ("RA=10.684583 DEC=+41.269167", *M31, 2),
        ("ra: 00:42:44.3, dec: +41:16:09", *M31, 2),
        ("RA 00 42 44.3 Dec. +41 16 09", *M31, 2),
        ("RA(J2000) = 00h42m44.3s; Decl(J2000) = +41d16m09s", *M31, 2),
        ("ra=10.684583&dec=41.269167", *M31, 2),
        ("ra=10.684583deg dec=41.269167deg", *M31, 2),
        ("α=00:42:44.3 δ=+41:16:09", *M31, 2),
        ('RA=10.684583 DEC=+41.269167 r=5"', *M31, 5),
        ("RAJ2000=00:42:44.3 DECJ2000=+41:16:09", *M31, 2),
        ("RA = 00:42:44.3 (J2000), DEC = +41:16:09 (J2000)", *M31, 2),
        ("10.684583 +41.269167 J2000", *M31, 2),
        ("ICRS 00:42:44.3 +41:16:09", *M31, 2),
        ("(193.8, 2.9)", 193.8, 2.9, 360),
        ("[193.8; 2.9]", 193.8, 2.9, 360),
        ("193.8deg 2.9deg", 193.8, 2.9, 360),
        ("193.8 deg, -2.9 degrees", 193.8, -2.9, 360),
        ("193.8°+2.9°", 193.8, 2.9, 360),
        ("10.684583;41.269167", *M31, 2),
        ("00:42:44.3 ; +41:16:09", *M31, 2),
        ("00ʰ42ᵐ44ˢ.3 +41°16′09″", *M31, 2),
        ("00ʰ 42ᵐ 44.3ˢ, +41º 16ʹ 09ʺ.0", *M31, 2),
        ("24:00:00 +10:00:00", 0.0, 10.0, 15),
        ("24h00m00s -10d00m00s", 0.0, -10.0, 15),
        ("2MASS J06495091-0737408", 102.462125, -7.628, 2),
        ("2MASS 06495091-0737408", 102.462125, -7.628, 2),
        ("J06495091-0737408", 102.462125, -7.628, 2),
        ("2MASSW J0649509-073741", 102.462083, -7.628056, 2),
        ("10.684583,+41.269167,", *M31, 2),
        ('"10.684583 +41.269167"', *M31, 2),
        ("10.68 41.27 r=0.1", 10.68, 41.27, 360),
        ("10.68 41.27, R = 2'", 10.68, 41.27, 120),
        ("10.68 41.27 r=2 arcmin", 10.68, 41.27, 120),
        ("00:42:44.3 +41:16:09 r=1d", *M31, 3600),
    ],
)
def test_positions(text: str, ra: float, dec: float, radius_arcsec: float) -> None:
    reading = interpret(text)
    assert reading.kind is Kind.POSITION
    assert reading.ra == pytest.approx(ra, abs=1e-6)
    assert reading.dec == pytest.approx(dec, abs=1e-6)
    assert reading.radius == pytest.approx(radius_arcsec * ARCSEC, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "kind", "proper"),
    [
        ("ZTF18abcdxyz", Kind.OBJECT, "ZTF18abcdxyz"),
        (" ztf18ABCDXYZ ", Kind.OBJECT, "ZTF18abcdxyz"),
        ('"ZTF18abcdxyz"', Kind.OBJECT, "ZTF18abcdxyz"),
        ("“ZTF18abcdxyz”,", Kind.OBJECT, "ZTF18abcdxyz"),
        ("ZTF18abcdxyz,", Kind.OBJECT, "ZTF18abcdxyz"),
        ("'1612255840315010001';", Kind.CANDID, "1612255840315010001"),
        ("https://alerce.online/object/ZTF18abcdxyz", Kind.OBJECT, "ZTF18abcdxyz"),
        ("https://lasair-ztf.lsst.ac.uk/objects/ZTF18abcdxyz/", Kind.OBJECT, "ZTF18abcdxyz"),
        ("https://fink-portal.org/ZTF18abcdxyz", Kind.OBJECT, "ZTF18abcdxyz"),
        ("https://antares.noirlab.edu/loci?query=%22ztf18abcdxyz%22", Kind.OBJECT, "ZTF18abcdxyz"),
        ("http://127.0.0.1:8000/objects/ZTF18abcdxyz/?a=1#b", Kind.OBJECT, "ZTF18abcdxyz"),
        ("fink-portal.org/ZTF18abcdxyz", Kind.OBJECT, "ZTF18abcdxyz"),
        ("/objects/ZTF18abcdxyz/", Kind.OBJECT, "ZTF18abcdxyz"),
        ("https://x.org/1612255840315010001/", Kind.CANDID, "1612255840315010001"),
        ("https://x.org/?candid=1612255840315010001&a=2", Kind.CANDID, "1612255840315010001"),
        ("<https://x.org/ZTF18abcdxyz>", Kind.NAME, "<https://x.org/ZTF18abcdxyz>"),
        ("433", Kind.LCO_ID, "433"),
        ("007", Kind.LCO_ID, "7"),
        ("123456789012345", Kind.CANDID, "123456789012345"),
        ("1612255840315010001", Kind.CANDID, "1612255840315010001"),
        # The forms of ssnamenr in the real packets: 8467, 2010CG48.
        ("(433)", Kind.BODY, "433"),
        ("433 Eros", Kind.BODY, "433"),
        ("(433) Eros", Kind.BODY, "433"),
        ("(97125) 1999 VG102", Kind.BODY, "97125"),
        ("85 Io", Kind.BODY, "85"),
        ("2010 CG48", Kind.BODY, "2010CG48"),
        ("2010CG48", Kind.BODY, "2010CG48"),
        ("2010cg48", Kind.BODY, "2010CG48"),
        ("2019 AB", Kind.BODY, "2019AB"),
        ("2040 P-L", Kind.BODY, "2040P-L"),
        ("C/2020 F3", Kind.BODY, "C/2020F3"),
        ("c/2020 f3 (NEOWISE)", Kind.BODY, "C/2020F3"),
        ("67P", Kind.BODY, "67P"),
        ("67P/Churyumov-Gerasimenko", Kind.BODY, "67P"),
        # More of them: tests/app/search/test_solarsystem.py.
        ("73P-BB", Kind.BODY, "73P-BB"),
        ("P/2010 WK (LINEAR)", Kind.BODY, "P/2010WK"),
        ("1 Ceres (A801 AA)", Kind.BODY, "1"),
        # Stars and supernovae are none.
        ("51 Peg", Kind.NAME, "51 Peg"),
        ("61 Cygni", Kind.NAME, "61 Cygni"),
        ("47 Tuc", Kind.NAME, "47 Tuc"),
        ("30 Doradus", Kind.NAME, "30 Doradus"),
        ("2011fe", Kind.NAME, "2011fe"),
        ("2018 cow", Kind.NAME, "2018 cow"),
        ("SN 2018cow", Kind.NAME, "SN 2018cow"),
        ("1987A", Kind.NAME, "1987A"),
        # Names that look like something else.
        ("m101", Kind.NAME, "m101"),
        ("3C 273", Kind.NAME, "3C 273"),
        ("2MASX J00424433+4116074", Kind.NAME, "2MASX J00424433+4116074"),
        ("PSR J0534+2200", Kind.NAME, "PSR J0534+2200"),
        ("  Andromeda   Galaxy ", Kind.NAME, "Andromeda Galaxy"),
        ("ZTF18", Kind.NAME, "ZTF18"),
        ("10.684583 +41.269167 B1950", Kind.NAME, "10.684583 +41.269167 B1950"),
        ("Barnard's star", Kind.NAME, "Barnard's star"),
        ("٤٣٣", Kind.NAME, "٤٣٣"),
    ],
)
def test_designations(text: str, kind: Kind, proper: str) -> None:
    reading = interpret(text)
    assert (reading.kind, reading.text, reading.ra, reading.radius) == (kind, proper, None, None)


@pytest.mark.parametrize(
    ("text", "radius_arcsec"),
    [
        ("m31 r=2'", 120),
        ('"m31" r=2"', 2),
        ("m31 r = 1.5", 5400),
        ('ZTF18abcdxyz r=10"', 10),
        ("m31;r=3arcsec", 3),
    ],
)
def test_a_radius_of_ones_own(text: str, radius_arcsec: float) -> None:
    reading = interpret(text)
    assert reading.text in ("m31", "ZTF18abcdxyz")
    assert reading.radius == pytest.approx(radius_arcsec * ARCSEC)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        (" \t ", "empty"),
        ("400 41", "ra must be between 0 and 360"),
        ("-10 41", "ra must be between 0 and 360"),
        ("10 91", "dec must be between"),
        ("10 -90.1", "dec must be between"),
        ("24:00:01 +10:00:00", "0 and 24 hours"),
        ("RA=400 DEC=41", "ra must be between 0 and 360"),
        ("(10, 91)", "dec must be between"),
        ("2MASS J06495091-0787408", "less than 60"),
        ('"",', "empty"),
        ("https://alerce.online/", "no object id and no candid"),
        ("https://x.org/?a=ZTF18abcdxyz&b=ZTF18abcdxyy", "several object ids"),
        ("00:61:00 +10:00:00", "less than 60"),
        ("00:10:00 +10:00:60.0", "less than 60"),
        ("J256000.0+000000", "less than 60"),
        ("400,41,0.1", "ra must be between"),
        ("10,41,50", "radius must be between"),
        ("10 41 r=50", "radius must be between"),
        ("10 41 r=0", "radius must be between"),
        ("10 41 r=-5", "radius must be between"),
        ("10 41 r=1e999", "double precision"),
        ("10 41 r=nan", "not a number"),
        ("m31 r=x", "not a number"),
        ("m31 r=5 parsec", "unit"),
        ("r=5", "must come before"),
        ('"" r=5', "must come before"),
        ("9" * 19, "too large"),
        ("9" * 30, "too large for a candid"),
        ("x" * 201, "longer than 200"),
        ("m\0001", "cannot be printed"),
        ("m\u202e1", "cannot be printed"),
    ],
)
def test_what_cannot_be_meant(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        interpret(text)


WORST = ["1 ", "1:", "r=", "00h", "(", "9", "a.", "a/", "ra=", "ra ", "d.1", "1d ", ",;", "de "]


@given(
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
    st.sampled_from(["hmsdms", "dms", "decimal"]),
    st.sampled_from([{}, {"sep": ":"}, {"sep": " "}, {"format": "unicode"}]),
    st.integers(0, 6),
)
@settings(max_examples=200, deadline=None)
def test_what_astropy_prints(
    ra: float, dec: float, style: str, form: dict[str, str], precision: int
) -> None:
    """Also where it rounds up to 24:00:00; degrees need their unit to be told from hours."""
    assume(style == "hmsdms" or "sep" not in form)
    printed = SkyCoord(ra, dec, unit="deg").to_string(style, precision=precision, **form)
    position = read_position(printed)
    assert position is not None, printed
    read, meant = SkyCoord(position.ra, position.dec, unit="deg"), SkyCoord(ra, dec, unit="deg")
    assert read.separation(meant).deg <= position.step * 1.01, printed


@pytest.mark.parametrize("piece", WORST)
def test_a_long_text_costs_no_more_than_its_length(piece: str) -> None:
    """No form backtracks: each is tried on the worst text of its kind."""

    def cost(count: int) -> float:
        began = time.thread_time()
        with suppress(ValueError):
            interpret(("(1)" if piece == "(" else "") + piece * count)
        return time.thread_time() - began

    most = 190 // len(piece)
    short, whole = (min(cost(count) for _ in range(20)) for count in (most // 4, most))
    # A search back from each place would cost 16 times as much, one from each pair 64 times.
    assert whole < 40 * short


def test_no_position() -> None:
    for text in ("m31", "10", "1 2 3", "1 2 3 4 5", "nan nan", "inf 0", "1e1 2e1", "10,20,30,40"):
        assert read_position(text) is None


def test_the_middle_of_positions() -> None:
    assert mean_position([(10.0, 20.0)]) == pytest.approx((10.0, 20.0))
    ra, dec = mean_position([(359.9999, 0.0), (0.0001, 0.0)])
    assert min(ra, 360 - ra) == pytest.approx(0, abs=1e-9)
    assert dec == pytest.approx(0)
    ra, dec = mean_position([(0.0, 89.9), (180.0, 89.9)])
    assert dec == pytest.approx(90)
    assert all(map(math.isfinite, (ra, dec)))
    assert 0 <= mean_position([(0.0, 0.0), (-1e-20, 0.0)])[0] < 360
