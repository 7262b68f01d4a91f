"""Derived values against what the original MARS answered on the same packets."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units
from astropy.coordinates import SkyCoord

from archive.packet import decode
from consumer.rows import ALERT_COLUMNS, Joined, Place, make_rows
from tests.packets import detection, forced, limit, packet

NOWHERE = Place(None, (None, None, None))


def entries(joined: Joined, n: int) -> list[Any]:
    """The n-th packet's entries of one field."""
    mine = slice(joined.cuts[n], joined.cuts[n + 1])
    values, nulls = joined.values[mine], joined.nulls[mine]
    return [None if null else value for value, null in zip(values, nulls, strict=True)]


def rows(*messages: bytes) -> list[dict[str, Any]]:
    """Alert and history of each packet as one dict."""
    packets = [p for m in messages for p in decode(m).packets]
    made = make_rows(packets, [NOWHERE] * len(packets))
    return [
        dict(zip(ALERT_COLUMNS, a, strict=True))
        | {name: entries(joined, n) for name, joined in made.histories.columns.items()}
        for n, a in enumerate(made.alerts)
    ]


def test_derived_values_equal_the_recordings_of_mars(real: Path) -> None:
    recorded = json.loads((real / "mars" / "alerts.json").read_text())
    faults = json.loads((real / "mars" / "fault_lists.json").read_text())
    wrong = {str(candid) for candids in faults.values() for candid in candids}
    files = sorted((real / "ztf").rglob("*.avro"))
    compared = 0
    for ours in rows(*(f.read_bytes() for f in files)):
        theirs = recorded.get(str(ours["candid"]))
        if theirs is None:
            continue
        compared += 1
        theirs = theirs["candidate"]
        assert ours["deltamagref"] == theirs["deltamagref"]
        expected = None if str(ours["candid"]) in wrong else theirs["deltamaglatest"]
        assert ours["deltamaglatest"] == expected
        for name in ("l", "b"):
            assert abs(ours[name] - theirs[name]) < 1e-10
        for name in ("jd", "ra", "dec", "magpsf", "rb", "scorr", "pid", "field"):
            assert ours[name] == theirs[name]
    assert compared == 840


def test_galactic_coordinates_equal_astropys_one_at_a_time() -> None:
    rng = np.random.default_rng(6)
    places = [
        (float(ra), float(dec))
        for ra, dec in zip(rng.uniform(0, 360, 20), rng.uniform(-90, 90, 20), strict=True)
    ]
    for row, (ra, dec) in zip(rows(*(packet(ra=r, dec=d) for r, d in places)), places, strict=True):
        sky = SkyCoord(ra * units.deg, dec * units.deg).galactic
        assert (row["l"], row["b"]) == (sky.l.deg, sky.b.deg)


def test_the_newest_earlier_detection_counts_and_its_sign() -> None:
    old = detection(jd=2461000.5, magpsf=20.0, isdiffpos="t", fid=1)
    new = detection(jd=2461001.5, magpsf=19.0, isdiffpos="t", fid=1)
    twin = detection(jd=2461001.5, magpsf=17.0, isdiffpos="t", fid=1)
    red = detection(jd=2461002.5, magpsf=16.0, isdiffpos="t", fid=2)
    gone = detection(jd=2461001.7, magpsf=19.0, isdiffpos="f", fid=1)
    hidden = detection(jd=2461001.8, magpsf=11.0, isdiffpos="t", fid=1, programid=2)

    def delta(*entries: object, sign: str = "t") -> object:
        made = packet(fid=1, magpsf=18.0, isdiffpos=sign, prv_candidates=[limit(), *entries])
        return rows(made)[0]["deltamaglatest"]

    assert delta(old, new, twin, red, hidden) == -1.0
    assert delta(old, new, gone) is None
    assert delta(old, gone, sign="f") == -1.0
    assert delta(red) is None
    assert delta() is None


def test_entries_are_sorted_into_their_lists_and_cleaned() -> None:
    (row,) = rows(
        packet(
            prv_candidates=[limit(diffmaglim=-1006.9), detection(distnr=-999.0, magnr=-999.0)],
            fp_hists=[
                forced(forcediffimflux=-99999.0, procstatus="61"),
                forced(magnr=float("nan")),
            ],
        )
    )
    assert np.allclose(row["limit_diffmaglim"], [-1006.9])
    assert row["detection_distnr"] == row["detection_magnr"] == [None]
    assert row["forced_forcediffimflux"][0] is None
    assert row["forced_procstatus"][0] == "61"
    assert row["forced_magnr"][1] is None
