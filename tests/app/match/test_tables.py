"""Tables of positions: which columns are read, rows and comments, frames other than ICRS."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadBody
from app.match.uploads import VOTABLE
from tests.app.match.test_uploads import read, votable

NAMES = [
    *("ra,dec", "RA,DE", "Ra,Declination", "right_ascension,declination", "RAJ2000,DEJ2000"),
    *("_RAJ2000,_DEJ2000", "RA_ICRS,DE_ICRS", "_RA.icrs,_DE.icrs", "ra_deg,dec_deg", "RAdeg,DEdeg"),
    *("ra [deg],dec [deg]", "RA (degrees),DEC (degrees)", "ra[°],dec[°]", "RA (J2000),Dec (J2000)"),
]


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_by_the_names_that_people_give(names: str, separator: str) -> None:
    for id_name in ("id", "name", "Source_ID", "designation", "objectId", "candid"):
        body = f"mag,{names},{id_name},radius [arcsec]\n17,1.5,2.5,x,2\n".replace(",", separator)
        assert read("text/csv", body.encode(), 7) == [(0, "x", 1.5, 2.5, 2 / 3600)]


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        ("ra,dec,ra_deg,dec_deg", "0:06:00,2:30:00,1.5,2.5"),
        ("RAJ2000,DEJ2000,_RAJ2000,_DEJ2000", "0 06 00,2 30 00,1.5,2.5"),
        ("_RAJ2000,_DEJ2000,ra,dec", "9,9,1.5,2.5"),
        ("RA_ICRS,RAJ2000,DEJ2000", "9,1.5,2.5"),
        ("name,id,ra,dec", "9,0,1.5,2.5"),
    ],
)
def test_of_several_columns_the_best_pair_is_read(names: str, cells: str) -> None:
    assert read("text/csv", f"{names}\n{cells}".encode(), 7, radius=1) == [(0, "0", 1.5, 2.5, 1)]


IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@given(
    st.lists(
        st.tuples(IDS | IDS.map("#{}".format), st.floats(0, 359), st.floats(-90, 90)), min_size=1
    ),
    st.sampled_from([",", ";", "\t"]),
    st.integers(1, 50),
    st.booleans(),
)
def test_what_csv_writes(
    rows: list[tuple[str, float, float]], separator: str, cut: int, mark: bool
) -> None:
    """No row is lost, whatever its id holds, and each keeps it, but for blanks at its ends."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator)
    writer.writerows([("id", "ra", "dec"), *rows])
    body = ("\ufeff" * mark + text.getvalue()).encode()
    expected = [(n, t.strip() or str(n), a % 360, d, 1) for n, (t, a, d) in enumerate(rows)]
    assert read("text/csv", body, cut, radius=1) == expected


def test_comments_are_no_rows() -> None:
    body = b'# a\n#b,c\nid,ra,dec\n#1,10,20\n# or, so, they say\n# 5" north\n#2,10\n"#3",30,40'
    assert [row[1] for row in read("text/csv", body, 3, radius=1)] == ["#1", "#3"]


SYSTEMS = [
    ('<COOSYS ID="s" system="ICRS"/>', None),
    ('<COOSYS ID="s" system="ICRS" epoch="2015.5"/>', None),
    ('<COOSYS ID="s" system="eq_FK5" equinox="J2000"/>', None),
    ('<COOSYS ID="s" equinox="2000.0"/>', None),
    ('<COOSYS ID="s" system="ICRS"/><COOSYS ID="other" system="galactic"/>', None),
    ('<COOSYS ID="other" system="galactic"/><COOSYS system="ICRS"/>', None),
    ('<TIMESYS ID="s" timescale="UTC"/>', None),
    ('<COOSYS ID="s" system="galactic"/><COOSYS ID="other" system="ICRS"/>', "galactic"),
    ('<COOSYS system="galactic"/>', "galactic"),
    ('<COOSYS ID="s" system="eq_FK4" equinox="B1950"/>', "eq_FK4 B1950"),
    ('<COOSYS ID="s" system="eq_FK5" equinox="J1975"/>', "eq_FK5 J1975"),
    ('<COOSYS ID="s" equinox="B1950"/>', "B1950"),
    ('<COOSYS ID="s" system="ecl_FK5"/>', "ecl_FK5"),
]


@pytest.mark.parametrize(("systems", "refused"), SYSTEMS)
@pytest.mark.parametrize(
    "within", ["{}<RESOURCE>", "<DEFINITIONS>{}</DEFINITIONS><RESOURCE>", "<RESOURCE>{}"]
)
def test_positions_that_are_not_in_icrs_are_refused(
    systems: str, refused: str | None, within: str
) -> None:
    fields = '<FIELD name="ra" ref="s"/><FIELD name="dec" ref="s"/>'
    table = votable(fields, "<TR><TD>1</TD><TD>2</TD></TR>")
    body = table.replace("<RESOURCE>", within.format(systems)).encode()
    if refused is None:
        assert read(VOTABLE, body, 9, radius=1) == [(0, "0", 1.0, 2.0, 1)]
    else:
        with pytest.raises(BadBody, match=rf"ra .* is in the frame '{refused}', not in ICRS"):
            read(VOTABLE, body, 9, radius=1)


def test_degrees_come_before_sexagesimal_columns() -> None:
    """VizieR's main columns are often sexagesimal, and it adds _RAJ2000 and _DEJ2000."""
    fields = """<FIELD name="RAJ2000" ucd="pos.eq.ra;meta.main" unit="h:m:s"/>
        <FIELD name="DEJ2000" ucd="pos.eq.dec;meta.main" unit="d:m:s"/>
        <FIELD name="_RA" ucd="pos.eq.ra" unit="deg"/>
        <FIELD name="_DE" ucd="pos.eq.dec" unit="deg"/>"""
    cells = "".join(f"<TD>{cell}</TD>" for cell in ("00 06 00", "+02 30 00", 1.5, 2.5))
    body = votable(fields, f"<TR>{cells}</TR>").encode()
    assert read(VOTABLE, body, 9, radius=1) == [(0, "0", 1.5, 2.5, 1)]
    with pytest.raises(BadBody, match="ra is in 'h:m:s', not in deg"):
        read(VOTABLE, body.replace(b'"_', b'"x'), 9, radius=1)
