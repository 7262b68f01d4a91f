"""Lists as people bring them: what they are is seen, lines of numbers need no names."""

import json

import pytest

from app.errors import BadBody, BadParameters
from app.match.lists import kind_of, name_columns, read_list
from app.match.targets import Targets
from app.match.uploads import VOTABLE
from tests.app.match.test_uploads import CSV, JSON_LIST, ROWS, TABLE

WHOLE = {"json": '{"positions": ' + JSON_LIST + "}", "csv": CSV, "votable": TABLE}


async def read(text: str) -> list[tuple[str, float, float, float]]:
    targets = Targets(0.001, 100, "")
    return [(one.id, *one.cone) async for some in read_list(text.encode(), targets) for one in some]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("before", ["", "\ufeff", "\n "])
async def test_a_file_is_what_it_begins_with(name: str, before: str) -> None:
    if name == "csv" and before == "\n ":
        before = "\n"
    found = await read(before + WHOLE[name])
    assert [row[:3] for row in found] == [row[:3] for row in ROWS]


@pytest.mark.parametrize(
    "lines",
    [
        "a,1,2\nb,3,4",
        "\n# mine\na, 1, 2\r\nb, 3, 4\r\n",
        "a;1;2\nb;3;4",
        "a\t1\t2\nb\t3\t4\n",
        "a 1   2\n  b 3 4\n\n",
        "a,1,2,0.001\nb,3,4,0.001",
        "name ra dec\na 1 2\nb 3 4".replace(" ", ","),
    ],
)
async def test_lines_need_no_names(lines: str) -> None:
    assert await read(lines) == [("a", 1.0, 2.0, 0.001), ("b", 3.0, 4.0, 0.001)]


@pytest.mark.parametrize("lines", ["1,2\n3,4", "1 2\n3\t4", "+1 2.0\n3e0 4"])
async def test_two_numbers_are_a_position(lines: str) -> None:
    assert await read(lines) == [("0", 1.0, 2.0, 0.001), ("1", 3.0, 4.0, 0.001)]


@pytest.mark.parametrize("lines", ["1,2,3\n4,5,6", "1", "one,two", "a,b,c,d,1,2"])
async def test_what_may_mean_several_things_asks_for_names(lines: str) -> None:
    """Three numbers may be a name and a position, or a position and a radius."""
    assert name_columns(lines.encode()) == lines.encode()
    with pytest.raises(BadBody, match="no column ra"):
        await read(lines)


async def test_bad_positions_are_told_with_their_names() -> None:
    with pytest.raises(BadParameters, match="id 'b'"):
        await read("a,1,2\nb,3,95")


def test_kinds_are_told_apart() -> None:
    kinds = {"[1]": "application/json", json.dumps({}): "application/json", "<a/>": VOTABLE}
    assert {text: kind_of(text.encode()) for text in (*kinds, "", "1,2")} == kinds | {
        "": "text/csv",
        "1,2": "text/csv",
    }
