"""The simulated sky makes sense: light curves, bodies that move, nights, limits, and oddities."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import get_body, get_sun
from astropy.time import Time

from dev.simulator import Packet, simulate
from dev.simulator.conditions import conditions, microjansky, moonlit_sky
from dev.simulator.ephemeris import (
    Orbit,
    direction,
    moonlight,
    orbits,
    separation,
    sun,
    sun_longitude,
)
from dev.simulator.lights import (
    ActiveNucleus,
    ConstantStar,
    IrregularStar,
    Passage,
    PeriodicStar,
    Recurrent,
    Supernova,
)
from dev.simulator.sources import arcseconds, offset
from dev.simulator.survey import (
    CENTRES,
    FIELDS,
    JD_OF_FIRST_NIGHT,
    Run,
    Schedule,
    nid_of,
    observed,
    place,
    places,
)

NIGHT = date(2026, 7, 1)
STEADY = (17.5, 17.0, 16.8)
DAYS = 2461000.5 + np.arange(0, 300, 0.5)
G, R, I = (np.full(len(DAYS), fid) for fid in (1, 2, 3))  # noqa: E741 - a filter
Record = dict[str, Any]


@pytest.fixture(scope="module")
def packets() -> list[Packet]:
    return list(simulate(4000, 11, NIGHT))


def by_object(packets: list[Packet], kind: str) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for one in packets:
        if one.kind == kind:
            found[one.record["objectId"]].append(one.record["candidate"])
    return found


def test_a_supernova_rises_and_falls_faster_in_the_blue() -> None:
    burst = Supernova(DAYS[200], 3, 20, 17.0)
    for fid in (G, R, I):
        flux = burst.flux(DAYS, fid)
        top = int(np.argmax(flux))
        assert 0 < top < len(DAYS) - 1
        assert (np.diff(flux[: top + 1]) >= 0).all()
        assert (np.diff(flux[top:]) <= 0).all()
        assert (flux >= 0).all()
    assert burst.flux(DAYS, G).max() == pytest.approx(microjansky(17.0), rel=1e-2)
    late = slice(200 + 2 * 40, None)
    assert (burst.flux(DAYS, G) < burst.flux(DAYS, R))[late].all()


def test_an_active_nucleus_walks_and_comes_back() -> None:
    walks = []
    for seed in range(200):
        light = ActiveNucleus(STEADY, 50, 0.2, seed)
        flux = light.flux(DAYS, R)
        assert (flux == light.flux(DAYS, R)).all()
        walks.append(-2.5 * np.log10(1 + flux / microjansky(STEADY[1])))
    change = np.array(walks)
    assert change.std() == pytest.approx(0.2, rel=0.1)
    remembered = np.mean(change[:, :-100] * change[:, 100:]) / change.var()
    assert remembered == pytest.approx(np.exp(-1), abs=0.1)
    assert np.abs(np.diff(change)).max() < 0.15
    assert len(ActiveNucleus(STEADY, 50, 0.2, 1).flux(DAYS[:0], R[:0])) == 0


@pytest.mark.parametrize("shape", ["sinusoid", "sawtooth", "eclipses"])
def test_a_periodic_star_repeats_and_never_takes_more_than_its_light(shape: str) -> None:
    star = PeriodicStar(STEADY, 10, 0.3, 0.5, shape)
    flux = star.flux(DAYS, G)
    assert np.allclose(flux[:-20], flux[20:], atol=1e-6)
    assert flux.min() < 0
    assert flux.min() > -microjansky(STEADY[0])
    assert (flux.max() > 0) == (shape != "eclipses")


def test_irregular_and_constant_stars_and_bodies() -> None:
    star = IrregularStar(STEADY, 0.6, (30.0, 47.0, 110.0), (0.1, 0.5, 0.7))
    flux = star.flux(DAYS, R)
    assert flux.min() < 0 < flux.max()
    assert not np.allclose(flux[:-60], flux[60:], rtol=0.1)
    assert not ConstantStar(STEADY).flux(DAYS, R).any()
    passage = Passage(DAYS[3], 18.0, "4711", 0.2, 18.1)
    assert np.flatnonzero(passage.flux(DAYS, R)).tolist() == [3]


def test_sun_and_moon_stand_where_they_do() -> None:
    for day in (0, 50, 171, 300):
        jd = 2461042.0 + day
        body = get_sun(Time(jd, format="jd", scale="utc"))
        away = separation(sun(jd), direction(body.ra.deg, body.dec.deg))
        assert away < 0.5
        moon = get_body("moon", Time(jd, format="jd", scale="utc"))
        lit = (1 - np.cos(np.radians(body.separation(moon, origin_mismatch="ignore").deg))) / 2
        assert moonlight(jd) == pytest.approx(lit, abs=0.15)


def test_a_body_opposite_the_sun_runs_backwards_and_is_brightest() -> None:
    jd = 2461000.5 + np.arange(-40, 41)
    orbit = Orbit(2.7, 0.0, 0.0, jd[40], sun_longitude(jd[40]) + 180, 13.0)
    ra, dec, magnitude = orbit.seen(jd)
    assert separation(direction(ra, dec), sun(jd))[40] == pytest.approx(180, abs=0.5)
    assert -0.3 < np.diff(np.unwrap(ra, period=360))[40] < -0.15
    assert magnitude[40] == pytest.approx(13 + 5 * np.log10(2.7 * 1.7), abs=0.05)
    assert int(np.argmin(magnitude)) in range(38, 43)


def test_drawn_orbits_are_at_the_side_of_night() -> None:
    drawn = orbits(np.random.default_rng(3), 2461000.5, 300)
    ra, dec, magnitude = drawn.seen(2461000.5)
    assert separation(direction(ra, dec), sun(2461000.5)).min() > 85
    assert np.percentile(magnitude, [5, 95]) == pytest.approx([15, 19.5], abs=1)


def test_fields_are_visited_night_after_night_but_not_beside_the_sun() -> None:
    schedule = Schedule(Run(1, nid_of(NIGHT), 20))
    towards = direction(*CENTRES)
    for number in (0, 200, 400, len(FIELDS) - 1):
        visits = schedule.visits(int(FIELDS[number]))
        away = separation(towards[number], sun(visits.jd)) if len(visits.jd) else np.zeros(0)
        assert (away > 49.5).all()
        nights = sorted({one.nid for one in visits.exposures})
        assert set(np.diff(nights)) <= {2}
        for nid in nights:
            filters = [one.fid for one in visits.exposures if one.nid == nid]
            assert filters in ([1, 2], [1, 3])
    hidden = sum(~(observed(nid_of(NIGHT)) | observed(nid_of(NIGHT) + 1)))
    assert 0.05 < hidden / len(FIELDS) < 0.3
    assert observed(nid_of(NIGHT))[-1] | observed(nid_of(NIGHT) + 1)[-1]


def test_places_tile_the_sky() -> None:
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 500), rng.uniform(-31, 90, 500)
    field, rcid, x, y = places(ra, dec)
    assert set(rcid.tolist()) == set(range(64))
    assert np.isin(field, FIELDS).all()
    assert ((x >= 0) & (x <= 3072) & (y >= 0) & (y <= 3072)).all()
    for n in range(20):
        assert place(ra[n], dec[n]) == (field[n], rcid[n], x[n], y[n])


def test_limits_follow_seeing_and_moon() -> None:
    jd = np.full(2000, 2461000.3)
    filters, (ra, dec) = np.full(2000, 1), (np.full(2000, 180.0), np.linspace(-30, 80, 2000))
    new, full = 2451550.1 + 320 * 29.530588, 2451550.1 + 320.5 * 29.530588
    dark, bright = (
        np.array(conditions(jd * 0 + when, filters, ra, dec, np.random.default_rng(1)))
        for when in (new, full)
    )
    assert 0.8 < np.mean(dark[0] - bright[0]) < 1.6
    sharp = dark[1] < np.percentile(dark[1], 20)
    assert dark[0][sharp].mean() > dark[0][~sharp].mean() + 0.1
    assert moonlit_sky(jd * 0 + new, ra, dec).max() < 0.01


def test_distances_on_the_sphere() -> None:
    for ra, dec in ((0.0, 0.0), (359.9999, 89.9999), (12.0, -31.0)):
        assert arcseconds(ra, dec, *offset(ra, dec, 3, 4)) == pytest.approx(5, abs=2e-3)


def test_a_designation_is_seen_at_several_places_each_an_object(packets: list[Packet]) -> None:
    bodies: dict[str, list[Record]] = defaultdict(list)
    for objects in by_object(packets, "moving body").values():
        (latest,) = objects
        bodies[latest["ssnamenr"]].append(latest)
        assert 0 <= latest["ssdistnr"] < 3
        assert abs(latest["ssmagnr"] - latest["magpsf"]) < 1
        assert latest["isdiffpos"] == "t"
    assert len(bodies) >= 10
    for seen in bodies.values():
        for one, other in pairwise(seen):
            days = other["jd"] - one["jd"]
            moved = arcseconds(one["ra"], one["dec"], other["ra"], other["dec"]) / 3600
            assert moved < 0.5 * days + 0.001
            assert days < 1 or moved > 0.002 * days
    assert max(len(seen) for seen in bodies.values()) > 10
    for packet in packets:
        latest = packet.record["candidate"]
        assert (latest["ssnamenr"] == "null") == (packet.kind != "moving body")
        assert (latest["ssdistnr"] == -999) == (packet.kind != "moving body")


def test_stars_fade_and_brighten_about_their_reference(packets: list[Packet]) -> None:
    signs = set()
    for kind in ("periodic star", "irregular star", "active nucleus"):
        for objects in by_object(packets, kind).values():
            for one in objects:
                assert one["magnr"] > 0
                assert one["distnr"] < 1.4
                assert one["jdstarthist"] < one["jd"] - 300
                sign = 1 if one["isdiffpos"] == "t" else -1
                left = 10 ** (-0.4 * one["magnr"]) + sign * 10 ** (-0.4 * one["magpsf"])
                assert left > 0, "no star takes away more light than it had"
                signs.add((kind, sign))
    assert len(signs) == 6


def test_a_supernova_that_was_sent_has_one_peak(packets: list[Packet]) -> None:
    whole = 0
    for objects in by_object(packets, "supernova").values():
        green = [one for one in objects if one["fid"] == 1]
        assert {one["isdiffpos"] for one in objects} == {"t"}
        if len(green) < 8:
            continue
        magnitudes = np.array([one["magpsf"] for one in green])
        smooth = np.convolve(magnitudes, np.ones(3) / 3, "valid")
        top = int(np.argmin(smooth))
        days = np.array([one["jd"] for one in green])[1:-1]
        if days[0] < days[top] - 6 and days[-1] > days[top] + 6:
            whole += 1
            assert smooth[0] > smooth[top] + 0.05
            assert smooth[-1] > smooth[top] + 0.05
    assert whole >= 3


def test_a_constant_star_seldom_gives_an_alert_and_a_bogus_one(packets: list[Packet]) -> None:
    found = by_object(packets, "constant star")
    assert 0 < sum(map(len, found.values())) < 0.01 * len(packets)
    for objects in found.values():
        assert all(one["drb"] < 0.65 for one in objects)
        assert len(objects) <= 3


def test_forced_fluxes_follow_the_light_curve(packets: list[Packet]) -> None:
    sent = {one.record["candidate"]["pid"]: one.record["candidate"] for one in packets}
    agree = wrong = 0
    for one in packets:
        own = {
            entry["candid"]: entry
            for entry in one.record["prv_candidates"] or []
            if entry["candid"] is not None
        }
        seen = {entry["pid"]: entry for entry in own.values()}
        for entry in one.record["fp_hists"] or []:
            if entry["pid"] not in seen or entry["forcediffimflux"] == -99999:
                continue
            positive = seen[entry["pid"]]["isdiffpos"] == "t"
            magnitude = entry["magzpsci"] - 2.5 * np.log10(abs(entry["forcediffimflux"]))
            agree += (entry["forcediffimflux"] > 0) == positive
            wrong += abs(magnitude - seen[entry["pid"]]["magpsf"]) > 0.3
            assert entry["pid"] in sent
    assert agree > 10_000
    assert wrong < 0.01 * agree


def test_oddities_come_now_and_then(packets: list[Packet]) -> None:
    count = len(packets)
    without_history = sum(one.record["prv_candidates"] is None for one in packets)
    without_forced = sum(one.record["fp_hists"] is None for one in packets)
    lonely = sum(one.record["candidate"]["magnr"] == -999 for one in packets)
    assert 0.003 * count < without_history < 0.05 * count
    assert 0.02 * count < without_forced < 0.08 * count
    assert 0.1 * count < lonely < 0.5 * count
    for one in packets:
        latest = one.record["candidate"]
        assert (latest["magnr"] == -999) == (latest["ranr"] == -999)
        if latest["magnr"] != -999:
            apart = arcseconds(latest["ra"], latest["dec"], latest["ranr"], latest["decnr"])
            assert latest["distnr"] == pytest.approx(apart / 1.01, abs=1e-3)
        assert latest["jd"] - JD_OF_FIRST_NIGHT >= latest["nid"]
        assert latest["scorr"] > 4.5
        assert latest["magpsf"] < latest["diffmaglim"] + 0.01


@pytest.mark.parametrize("night", [date(2026, 2, 1), date(2026, 8, 1), date(2027, 11, 1)])
def test_landmarks_are_the_same_whatever_the_night(night: date) -> None:
    found: dict[str, list[Packet]] = defaultdict(list)
    for one in simulate(300, 1, night):
        found[one.record["objectId"]].append(one)
        found[one.record["candidate"]["ssnamenr"]].append(one)
    star, burst, body = (found[name] for name in ("ZTF18olghcjf", "ZTF18hkapgpi", "2018YZ901"))
    kinds = [{one.kind for one in seen} for seen in (star, burst, body)]
    assert kinds == [{"periodic star"}, {"supernova"}, {"moving body"}]
    for seen, where in ((star, (0.068, 63.139)), (burst, (1.772, 78.880))):
        assert len(seen) >= 20
        latest = seen[-1].record["candidate"]
        assert arcseconds(latest["ra"], latest["dec"], *where) < 5
        assert latest["jd"] > JD_OF_FIRST_NIGHT + nid_of(night) - 3
    assert len(body) >= 20
    ends = [one.record["candidate"] for one in (body[0], body[-1])]
    moved = arcseconds(ends[0]["ra"], ends[0]["dec"], ends[1]["ra"], ends[1]["dec"]) / 3600
    assert 0.3 < moved < 5


def test_a_supernova_comes_again_after_sixty_days() -> None:
    burst = Recurrent(Supernova(DAYS[100], 3.0, 18.0, 16.3), 60.0)
    flux = burst.flux(DAYS, G)
    assert flux[DAYS[100] - 20 > DAYS].max() > 0
    tops = [n for n in range(1, len(flux) - 1) if flux[n - 1] < flux[n] >= flux[n + 1]]
    assert np.diff(DAYS[tops]) == pytest.approx(60.0, abs=0.5)
    assert flux.max() == pytest.approx(microjansky(16.3), rel=0.05)
    # A new one begins while the old one is still fading: no step is larger than a supernova's own.
    assert np.abs(np.diff(flux)).max() < 0.2 * flux.max()
