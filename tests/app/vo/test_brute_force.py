"""Random queries, answered by brute force from the packets: the same numbers, to the last digit."""

import io
import math
import operator
import random
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import fastavro
import pytest

from app.search.sphere import separation_arcsec
from tests.app import sky
from tests.app.conftest import Served
from tests.app.vo.asking import ask, rows, table

QUERIES = 100
Row = dict[str, Any]
Test = tuple[str, Callable[[Row], bool]]


class Known(NamedTuple):
    """What ZTF's schema says of a field: its type, and the unit that its text names."""

    datatype: str
    unit: str | None = None


FIELDS: Final = {
    "candid": Known("long"),
    "object_id": Known("char"),
    "jd": Known("double", "d"),
    "ra": Known("double", "deg"),
    "dec": Known("double", "deg"),
    "magpsf": Known("float", "mag"),
    "sigmapsf": Known("float", "mag"),
    "rb": Known("float"),
    "fid": Known("int"),
    "isdiffpos": Known("boolean"),
}


@pytest.fixture(scope="module")
def everything() -> list[Row]:
    """The candidate of each packet, as a reader that is not ours finds it."""
    found = []
    for message in (*sky.first_batch(), *sky.second_batch()):
        for record in fastavro.reader(io.BytesIO(message)):
            own = {**record["candidate"], "object_id": record["objectId"]}
            own["isdiffpos"] = own["isdiffpos"] in ("t", "1")
            found.append({name: own[name] for name in FIELDS})
    return found


async def test_values_types_and_units_are_those_of_the_packets(
    served: Served, everything: list[Row]
) -> None:
    adql = f"SELECT {', '.join(FIELDS)} FROM alert ORDER BY candid"
    found = table(await ask(served.client, adql, MAXREC=100_000))
    for field, (name, known) in zip(found.fields, FIELDS.items(), strict=True):
        assert (field.name, field.datatype) == (name, known.datatype)
        assert (None if field.unit is None else str(field.unit)) == known.unit, name
    assert await rows(served.client, adql, MAXREC=100_000) == [
        tuple(row.values()) for row in sorted(everything, key=operator.itemgetter("candid"))
    ]


def separation(row: Row, ra: float, dec: float) -> float:
    return separation_arcsec((row["ra"], row["dec"]), (ra, dec)) / 3600


def condition(rng: random.Random, everything: Sequence[Row], depth: int = 0) -> Test:
    """A condition as ADQL, and as a function of a row; nulls match nothing."""
    kind = rng.randrange(8 if depth < 2 else 6)
    some = rng.choice(everything)
    if kind <= 1:
        ra, dec = some["ra"] + rng.uniform(-0.2, 0.2), max(-89, min(89, some["dec"] + 0.1))
        radius = rng.choice([0.05, 0.5, 3.0, 40.0])
        circle = f"CIRCLE({ra!r}, {dec!r}, {radius!r})"
        adql = (
            f"1 = CONTAINS(POINT(ra, dec), {circle})"
            if kind
            else f"DISTANCE(ra, dec, {ra!r}, {dec!r}) < {radius!r}"
        )
        return adql, lambda row: separation(row, ra, dec) < radius
    if kind in (2, 3):
        name = rng.choice(["magpsf", "sigmapsf", "rb", "jd"])
        bound = some[name] if some[name] is not None else 0.25
        sign = rng.choice(["<", "<=", ">", ">="])
        compare = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[sign]
        return (
            f"{name} {sign} {bound!r}",
            lambda row: row[name] is not None and compare(row[name], bound),
        )
    if kind == 4:
        listed = sorted({rng.choice(everything)["object_id"] for _ in range(3)})
        quoted = ", ".join(f"'{one}'" for one in listed)
        return f"object_id IN ({quoted})", lambda row: row["object_id"] in listed
    if kind == 5:
        low, high = sorted((rng.uniform(0, 360), rng.uniform(0, 360)))
        return f"ra BETWEEN {low!r} AND {high!r}", lambda row: low <= row["ra"] <= high
    (a, one), (b, two) = (condition(rng, everything, depth + 1) for _ in range(2))
    if kind == 6:
        return f"({a} AND {b})", lambda row: one(row) and two(row)
    return f"({a} OR {b})", lambda row: one(row) or two(row)


@pytest.mark.parametrize("seed", range(10))
async def test_random_queries_are_what_brute_force_says(
    served: Served, everything: list[Row], seed: int
) -> None:
    rng = random.Random(seed)
    found_any = 0
    for _ in range(QUERIES // 10):
        adql, test = condition(rng, everything)
        want = [row for row in everything if test(row)]
        found_any += bool(want)
        if rng.random() < 0.5:
            got = await rows(
                served.client,
                f"SELECT candid FROM alert WHERE {adql} ORDER BY candid",
                MAXREC=100_000,
            )
            assert got == [(candid,) for candid in sorted(row["candid"] for row in want)], adql
            continue
        summed = f"SELECT fid, COUNT(*), MIN(magpsf), AVG(magpsf), SUM(fid) FROM alert WHERE {adql}"
        got = await rows(served.client, f"{summed} GROUP BY fid ORDER BY fid")
        bands = sorted({row["fid"] for row in want})
        assert [row[0] for row in got] == bands
        for fid, count, least, mean, whole in got:
            own = [row["magpsf"] for row in want if row["fid"] == fid]
            assert (count, least, whole) == (len(own), min(own), fid * len(own)), adql
            assert math.isclose(mean, sum(own) / len(own), rel_tol=1e-12)
    assert found_any


@pytest.mark.parametrize("radius", [0.0005, 0.02, 0.7, 9.0, 100.0])
async def test_joins_within_a_radius_are_what_brute_force_says(
    served: Served, everything: list[Row], radius: float
) -> None:
    adql = (
        "SELECT a.candid, b.candid FROM alert AS a JOIN alert AS b "
        f"ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < {radius!r} WHERE a.fid = 1 AND a.dec < 45.2"
    )
    got = set(await rows(served.client, adql, MAXREC=100_000))
    first = [row for row in everything if row["fid"] == 1 and row["dec"] < 45.2]
    want = {
        (a["candid"], b["candid"])
        for a in first
        for b in everything
        if separation(b, a["ra"], a["dec"]) < radius
    }
    assert len(want) < 100_000
    assert got == want


async def test_polygons_hold_what_brute_force_says(served: Served, everything: list[Row]) -> None:
    """Small ones around the equator, where the sides of a box are all but straight."""
    rng = random.Random(3)
    found = 0
    for _ in range(20):
        ra, dec = rng.uniform(-1, 1), rng.uniform(-1, 1)
        width, height = rng.uniform(0.1, 1), rng.uniform(0.1, 1)
        box = f"BOX({ra % 360!r}, {dec!r}, {width!r}, {height!r})"
        adql = f"SELECT candid FROM alert WHERE 1 = CONTAINS(POINT(ra, dec), {box})"
        got = {candid for (candid,) in await rows(served.client, adql)}
        offsets = [
            (row["candid"], (row["ra"] - ra + 180) % 360 - 180, row["dec"] - dec)
            for row in everything
        ]
        want = {c for c, x, y in offsets if abs(x) < width / 2 and abs(y) < height / 2}
        edge = {
            c
            for c, x, y in offsets
            if min(abs(abs(x) - width / 2), abs(abs(y) - height / 2)) < 1e-3
        }
        assert got - edge == want - edge, adql
        found += len(want)
    assert found > 20
