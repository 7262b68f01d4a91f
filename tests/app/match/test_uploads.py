"""Readers of positions: the same rows however the body is cut, and errors that say where."""

import json
from typing import Any

import pytest

from app.errors import BadBody, BadParameters
from app.match.bodytext import MAX_ROW
from app.match.targets import MAX_TOLD, Targets
from app.match.uploads import READERS, VOTABLE
from app.match.votablebody import MAX_DEPTH

ROWS = [("a", 10.5, -20.25, '2"'), ("Ätna, 2", 0.0, 90.0, "0.001"), ("c", 359.9, 1e-7, "1'")]
JSON_LIST = json.dumps(
    [dict(zip(("id", "ra", "dec", "radius"), row, strict=True)) for row in ROWS],
    ensure_ascii=False,
    indent=1,
)
HEAD = "<VOTABLE xmlns:v='http://www.ivoa.net/xml/VOTable/v1.3'><RESOURCE><TABLE>"
TAIL = "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"


def votable(fields: str, cells: str) -> str:
    return f"{HEAD}{fields}<DATA><TABLEDATA>{cells}{TAIL}"


FIELDS = "".join(f'<FIELD name="{name}"/>' for name in ("id", "ra", "dec", "radius"))
CELLS = "".join(
    "<TR>" + "".join(f"<TD>{str(cell).replace(chr(34), '&quot;')}</TD>" for cell in row) + "</TR>\n"
    for row in ROWS
)
TABLE = votable(FIELDS, CELLS)
UCDS = "".join(
    f'<FIELD name="{name}" ucd="{ucd}" unit="{unit}"/>'
    for name, ucd, unit in (
        ("source", "meta.id;meta.main", ""),
        ("RAJ2000", "pos.eq.ra;meta.main", "deg"),
        ("DEJ2000", "POS_EQ_DEC_MAIN", "deg"),
        ("Radius", "", "arcsec"),
    )
)
CSV = (
    'id,RA, dec ,mag,radius\r\na,10.5,-20.25,17,"2"""\r\n# no row\n\n'
    '"Ätna, 2",0.0,90.0,,0.001\nc,359.9,1e-7,1,1\''
)


def parted_by(separator: str) -> str:
    """The CSV with another separator, but within quotes."""
    return CSV.replace(", 2", "\0").replace(",", separator).replace("\0", ", 2")


BESIDE = """<RESOURCE type="meta" utype="adhoc:service"><PARAM name="ra" value="1"/><TABLE>
<FIELD name="ra"/><FIELD name="x"/><DATA><TABLEDATA><TR><TD>1</TD><TD>2</TD></TR></TABLEDATA></DATA>
</TABLE></RESOURCE>"""
NO_DATA = '<TABLE><FIELD name="ra" unit="h"/><FIELD name="dec"/></TABLE>'
NO_ROWS = '<TABLE><FIELD name="x"/><DATA><TABLEDATA/></DATA></TABLE>'
GOOD = {
    "json": ("application/json", '{"positions": ' + JSON_LIST + "}\n"),
    "list": ("application/json", JSON_LIST),
    "bom": ("application/json", "\ufeff" + JSON_LIST),
    "boms": ("application/json", "\ufeff\ufeff" + JSON_LIST),
    "csv": ("text/csv", CSV),
    "csv of semicolons": ("text/csv", parted_by(";")),
    "csv of tabs": ("text/csv", parted_by("\t")),
    "csv of bars": ("text/csv", parted_by("|")),
    "csv with two boms": ("text/csv", "\ufeff\ufeff" + CSV),
    "csv with a blank before quotes": ("text/csv", CSV.replace("a,10.5,", '"a", "10.5", ')),
    "csv with lines in a cell": ("text/csv", CSV.replace("17", '"17\n# or\r\n""18"""')),
    "csv of names": ("text/csv", CSV.replace("id,RA, dec ", "Name,_RAJ2000 [deg], _DEJ2000 (deg)")),
    "votable": (VOTABLE, TABLE),
    "votable after no rows": (VOTABLE, TABLE.replace("<TABLE>", f"{NO_DATA}{NO_ROWS}<TABLE>")),
    "votable after services": (VOTABLE, TABLE.replace("<RESOURCE>", f"{BESIDE}<RESOURCE>")),
    "votable of names": (VOTABLE, TABLE.replace('"id"', '"Name"').replace('"ra"', '"RA_ICRS"')),
    "prefixed": (VOTABLE, TABLE.replace("<T", "<v:T").replace("</T", "</v:T")),
}


def read(kind: str, body: bytes, cut: int, radius: float | None = None) -> list[tuple[object, ...]]:
    reader, targets = READERS[kind](), Targets(radius, 1000, "")
    found = []
    for place in range(0, len(body), cut):
        found += targets.take(reader.feed(body[place : place + cut]))
    found += targets.take(reader.close())
    targets.check()
    return [(t.place, t.id, *t.cone) for t in found]


@pytest.mark.parametrize("cut", [1, 7, 10_000])
@pytest.mark.parametrize("name", GOOD)
def test_the_same_targets_from_every_spelling_and_cut(name: str, cut: int) -> None:
    kind, body = GOOD[name]
    assert read(kind, body.encode(), cut) == [
        (0, "a", 10.5, -20.25, 2 / 3600),
        (1, "Ätna, 2", 0.0, 90.0, 0.001),
        (2, "c", 359.9, 1e-7, 1 / 60),
    ]


def test_columns_by_ucd_and_units_of_the_radius() -> None:
    cells = "<TR><TD>x</TD><TD>1</TD><TD>2</TD><TD>3</TD></TR>"
    assert read(VOTABLE, votable(UCDS, cells).encode(), 5) == [(0, "x", 1.0, 2.0, 3 * (1 / 3600))]


def test_ids_and_radii_may_be_missing() -> None:
    body = b'[{"ra": 1, "dec": 2}, {"ra": 360, "dec": "3", "id": 7, "radius": 0.5}]'
    expected = [(0, "0", 1.0, 2.0, 0.25), (1, "7", 0.0, 3.0, 0.5)]
    assert read("application/json", body, 3, radius=0.25) == expected
    assert read("text/csv", b"dec,ra\n2,1\n", 4, radius=1.0) == [(0, "0", 1.0, 2.0, 1.0)]


DOCTYPE = '<!DOCTYPE VOTABLE [<!ENTITY a "aaaa">]>'
BAD = [
    ("application/json", "", "must be.*or a list"),
    ("application/json", "{}", "must be.*or a list"),
    ("application/json", '{"queries": []}', "must be.*or a list"),
    ("application/json", "[1, 2]", "not an object: at character 1, after 0 positions"),
    (
        "application/json",
        '[{"ra": 1, "dec": 2} {"ra": 1}]',
        "a comma or the end.* after 1 positions",
    ),
    ("application/json", '[{"ra": NaN, "dec": 2}]', "NaN is not a JSON number"),
    ("application/json", '[{"ra": 1, "dec": 2},]', "not an object"),
    ("application/json", '[{"ra": 1, "dec": 2}', "ends before its list does"),
    ("application/json", '[{"ra": 1, "de', "not JSON"),
    ("application/json", '{"positions": [{"ra": 1, "dec": 2}]', "there is more text|ends before"),
    ("application/json", '[{"ra": 1, "dec": 2}] x', "there is more text"),
    ("application/json", '{"positions": [], "radius": 1}', "there is more text"),
    ("application/json", "[{" + '"a":[' * 5000, "not JSON|nested"),
    ("application/json", '[{"id": "' + "x" * 10_000 + '"}]', "not JSON"),
    ("application/json", "[" + "[" * 100_000, "not an object"),
    ("application/json", b'[{"id": "\xff"}]', "not UTF-8"),
    ("text/csv", "", "no names of columns"),
    ("text/csv", "ra,radius\n1,2\n", "line 1: there is no column dec, .* commas, are 'ra', 'rad"),
    (
        "text/csv",
        "# a\nx;ra_h;dec\n",
        "line 2: there is no column ra, .* semi.* 'x', 'ra_h', 'dec'",
    ),
    ("text/csv", "l\tb\n", "no column ra and no column dec, .* tabs, are 'l', 'b'"),
    ("text/csv", "ra [h],dec\n", "line 1: ra is in 'h', not in deg"),
    ("text/csv", ",".join(f"c{n}" for n in range(30)), "'c19' and 10 more"),
    ("text/csv", "ra,dec,radius (rad)\n", "radius is in 'rad', not in deg"),
    ("text/csv", "1.5,2.5\n", "no column ra and no column dec"),
    ("text/csv", "ra,dec,ra\n", "line 1: there are several columns ra"),
    ("text/csv", "ra,dec\n1,2\n1,2,3\n", "line 3 has 3 values, the line of names 2"),
    ("text/csv", 'ra,dec\n1,2\n"1,2\n', "line 3 is not CSV: a quoted cell has no end"),
    ("text/csv", 'ra,dec\n1,2\n"1,2\n' + "3,4\n" * 200, "line 3: a quoted cell begins here"),
    ("text/csv", 'ra,dec\n"1"x,2', "line 2 is not CSV: ',' expected"),
    ("text/csv", "ra,dec\n" + "1" * (MAX_ROW + 1), "line 2 is longer"),
    ("text/csv", b"ra,dec\n\xff\xfe", "not UTF-8"),
    (VOTABLE, "", "not XML"),
    (VOTABLE, "<VOTABLE/>", "no table"),
    *(
        (VOTABLE, f'<?xml version="1.0" encoding="{coding}"?><VOTABLE>é</VOTABLE>', reason)
        for coding, reason in (
            ("nonsense", "line 1: unknown encoding: nonsense; write it in UTF-8"),
            ("shift_jis", "multi-byte encodings are not supported"),
            ("hex", "not a text encoding"),
            ("idna", "codec failed"),
            ("utf-16", "not XML"),
        )
    ),
    (VOTABLE, "<VOTABLE>\n<RESOURCE>", "line 2: not XML"),
    (VOTABLE, DOCTYPE + TABLE, "line 1: a VOTable has no DOCTYPE"),
    (VOTABLE, TABLE.replace("<TABLEDATA>", "<BINARY2>", 1), "BINARY2 is not taken"),
    (
        VOTABLE,
        f'{HEAD}{FIELDS}<DATA><FITS><STREAM href="file:///etc/passwd"/></FITS></DATA>',
        "FITS is not taken",
    ),
    (VOTABLE, votable('<FIELD name="ra"/>', ""), "no column dec, .* the columns are 'ra'"),
    (VOTABLE, votable('<FIELD name="x" ucd="pos.eq.ra;meta.main"/>', ""), "no column dec"),
    (VOTABLE, f"<VOTABLE>{BESIDE}</VOTABLE>", "no table"),
    (VOTABLE, f"<VOTABLE>{NO_DATA}</VOTABLE>", "no table"),
    (
        VOTABLE,
        votable(UCDS.replace("RAJ2000", "RAB1950"), "<TR><TD>x</TD></TR>"),
        "ra .column 'RAB1950'. is in the frame 'B1950'",
    ),
    (VOTABLE, votable(FIELDS, "<TR><TD>1</TD></TR>"), "1 TD for 4 FIELD"),
    (VOTABLE, votable(FIELDS, "<TR>" + "<TD/>" * 2000 + "</TR>"), "more than 1000 columns"),
    (VOTABLE, votable(FIELDS, f"<TR><TD>{'1' * 5000}</TD></TR>"), "a cell is longer"),
    (
        VOTABLE,
        votable('<FIELD name="ra" unit="h"/><FIELD name="dec"/>', ""),
        "ra is in 'h', not in deg",
    ),
    (VOTABLE, votable(FIELDS.replace('"radius"', '"radius" unit="rad"'), ""), "radius is in 'rad'"),
    (VOTABLE, f"<VOTABLE><!-- {'x' * 1_100_000} --></VOTABLE>", "a tag is longer"),
]


@pytest.mark.parametrize(("kind", "body", "reason"), BAD)
def test_what_cannot_be_read_is_refused_with_its_place(
    kind: str, body: str | bytes, reason: str
) -> None:
    data = body if isinstance(body, bytes) else body.encode()
    with pytest.raises(BadBody, match=reason):
        read(kind, data, 1000, radius=1.0)


def test_elements_may_not_be_nested_without_end() -> None:
    deep = f"<VOTABLE>{'<a>' * MAX_DEPTH}"
    with pytest.raises(BadBody, match=f"more than {MAX_DEPTH} elements within one another"):
        read(VOTABLE, deep.encode(), 1000, radius=1.0)
    beside = votable(f"{FIELDS}{'<a><b/></a>' * MAX_DEPTH}", "")
    with pytest.raises(BadParameters, match="positions is empty"):
        read(VOTABLE, beside.encode(), 1000, radius=1.0)


BAD_ROWS: list[tuple[dict[str, Any], str]] = [
    ({"dec": 1}, "no ra"),
    ({"ra": None, "dec": 1}, "no ra"),
    ({"ra": 361, "dec": 1}, "ra must be between 0 and 360"),
    ({"ra": 1, "dec": -90.1}, "dec must be between"),
    ({"ra": True, "dec": 1}, "ra is not a number"),
    ({"ra": "12:00:00", "dec": 1}, "ra is not a number"),
    ({"ra": 10**400, "dec": 1}, "ra is outside the range of double precision"),
    ({"ra": [1], "dec": 1}, "ra is not a number"),
    ({"ra": 1, "dec": 1, "radius": 11}, "the radius must be between"),
    ({"ra": 1, "dec": 1, "radius": -1}, "the radius must be between"),
    ({"ra": 1, "dec": 1, "radius": "1 parsec"}, "radius is not a number"),
    ({"ra": 1, "dec": 1, "radius": {}}, "radius is not a number"),
    ({"ra": 1, "dec": 1, "id": "x" * 201}, "the id longer than 200"),
    ({"ra": 1, "dec": 1, "id": "a\0b"}, "the id holds a NUL or a lone surrogate"),
    ({"ra": 1, "dec": 1, "id": ["a"]}, "the id must be a text"),
    ({"ra": 1, "dec": 1, "id": "\ud800"}, "the id holds a NUL or a lone surrogate"),
]


def test_every_bad_position_is_named_by_index_and_id() -> None:
    targets = Targets(1.0, 1000, "")
    targets.take([{"id": f"n{n}", **row} for n, (row, _) in enumerate(BAD_ROWS)])
    with pytest.raises(BadParameters) as caught:
        targets.check()
    for n, (error, (row, reason)) in enumerate(zip(caught.value.errors, BAD_ROWS, strict=True)):
        assert error.parameter == f"positions[{n}]"
        assert reason in error.reason
        assert "id" in row or error.reason.startswith(f"id 'n{n}': ")


def test_too_many_errors_are_counted() -> None:
    targets = Targets(None, 1000, "")
    targets.take([{"ra": 1, "dec": 2}] * (MAX_TOLD + 20))
    with pytest.raises(BadParameters) as caught:
        targets.check()
    assert len(caught.value.errors) == MAX_TOLD + 1
    assert caught.value.errors[-1].reason == "and 20 more"


def test_none_and_too_many() -> None:
    with pytest.raises(BadParameters, match="positions is empty"):
        Targets(1.0, 10, "").check()
    with pytest.raises(BadParameters, match="more than 10 positions in one request: or so"):
        Targets(1.0, 10, ": or so").take([{"ra": 1, "dec": 2}] * 11)
