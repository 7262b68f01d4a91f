"""Derived values against what the original MARS answered on the same packets."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from archive.surveys.ztf import ZTF
from archive.surveys.ztf.packet import decode
from consumer.rows import (
    Joined,
    Place,
    alert_columns,
    make_rows,
)
from consumer.surveys.ztf import ZTF_INTAKE, private_entries, undated_entries
from tests.archive.test_layout import written
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
    made = make_rows(ZTF_INTAKE, packets, [NOWHERE] * len(packets))
    return [
        dict(zip(alert_columns(ZTF), a, strict=True))
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


@pytest.mark.parametrize("missing", ["magpsf", "isdiffpos", "magnr", "distnr"])
def test_a_field_that_is_missing_counts_as_null(missing: str) -> None:
    before = [detection(fid=1, magpsf=19.0, isdiffpos="t")]
    sent = {"fid": 1, "magpsf": 18.0, "isdiffpos": "t", "magnr": 18.5, "distnr": 0.5}
    lacking = written({f"candidate.{missing}": None}, {"candidate": sent, "prv_candidates": before})
    null = written(
        {f"candidate.{missing}": ["null", "string" if missing == "isdiffpos" else "float"]},
        {"candidate": sent | {missing: None}, "prv_candidates": before},
    )
    whole = written({}, {"candidate": sent, "prv_candidates": before})
    names = (missing, "deltamaglatest", "deltamagref")
    one, other, full = ([row[name] for name in names] for row in rows(lacking, null, whole))
    assert one == other
    assert one[0] is None
    assert full[1:] == [-1.0, 0.5]
    assert one[1:] == [
        None if missing in ("magpsf", "isdiffpos") else -1.0,
        None if missing != "isdiffpos" else 0.5,
    ]


@pytest.mark.parametrize("jd", [None, float("nan"), float("inf"), float("-inf")])
def test_entries_without_a_time_are_dropped_and_counted(jd: float | None) -> None:
    types = {"prv_candidates.jd": ["null", "double"], "fp_hists.jd": ["double", "null"]}
    undated: dict[str, Any] = {"jd": jd, "pid": 5}
    earlier = [
        detection(fid=1, magpsf=19.0, isdiffpos="t") | {"jd": 2461000.5},
        detection(fid=1, magpsf=10.0, isdiffpos="t") | undated,
        limit() | undated,
        limit(programid=2) | undated,
        limit(),
    ]
    message = written(
        types,
        {
            "candidate": {"fid": 1, "magpsf": 18.0, "isdiffpos": "t"},
            "prv_candidates": earlier,
            "fp_hists": [forced() | undated, forced()],
        },
    )
    (row,) = rows(message)
    (got,) = decode(message).packets
    assert (undated_entries(got), private_entries(got)) == (3, 1)
    assert [len(row[f"{kind}_jd"]) for kind in ("limit", "detection", "forced")] == [1, 1, 1]
    assert row["deltamaglatest"] == -1.0


@pytest.mark.parametrize("jd", [0.0, 60400.5, -5.0])
def test_a_time_that_cannot_be_is_kept_as_it_is(jd: float) -> None:
    history = [detection() | {"jd": jd}, limit() | {"jd": jd}]
    message = packet(prv_candidates=history, fp_hists=[forced() | {"jd": jd}])
    (row,) = rows(message)
    assert row["limit_jd"] == row["detection_jd"] == row["forced_jd"] == [jd]
    assert undated_entries(decode(message).packets[0]) == 0


def test_a_text_is_known_by_its_column_not_by_its_first_values() -> None:
    statuses = [None] * 60 + ["56"]
    (row,) = rows(packet(fp_hists=[forced(procstatus=status) for status in statuses]))
    assert row["forced_procstatus"] == statuses


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(1e300, False), (-1e300, False), (3.4028236e38, False), (3.4028234e38, True), (1e-50, True)],
)
def test_what_a_real_column_does_not_hold_is_null(sent: float, kept: bool) -> None:
    types = {
        "candidate.magpsf": "double",
        "prv_candidates.magpsf": ["null", "double"],
        "fp_hists.forcediffimflux": "double",
    }
    history = [detection(fid=1, isdiffpos="t", magpsf=sent)]
    changes = {"prv_candidates": history, "fp_hists": [forced(forcediffimflux=sent)]}
    latest = {"fid": 1, "isdiffpos": "t", "magpsf": sent}
    (row,) = rows(written(types, changes | {"candidate": latest}))
    stored = sent if kept else None
    assert row["magpsf"] == stored
    assert row["detection_magpsf"] == row["forced_forcediffimflux"] == [stored]
    (delta,) = rows(written(types, changes | {"candidate": latest | {"magpsf": 18.0}}))
    assert (delta["deltamaglatest"] is None) != kept
