"""Response times by month, incident rates and hot spots against slow oracles: plain Python, and PySAL's Gi*."""

import math
import random
from collections import Counter, defaultdict
from datetime import date, timedelta

import numpy as np
import polars as pl
import polars_h3 as h3
import pytest
from scipy.stats import false_discovery_control, norm

from assets.measure import measure

from .randoms_dispatch import OUTLINES, calls, crashes, districts
from .test_districts import inside
from .test_energy_oracle import close, percentile

MONTH = [date(2026, 3, 1) + timedelta(days=n) for n in range(31)]
"""Berlin's March of 2026 has a day of 23 hours."""
TARGETS = {"call_processing": 60, "turnout": 80, "travel": 240, "total": 380}


def fill(town, seed, outlines=True):
    """A month and the days beside it; returns the month's rows as the lake has them."""
    around = [MONTH[0] - timedelta(days=1), *MONTH, MONTH[-1] + timedelta(days=1)]
    made = {
        "refined.emergency_calls": [r for d in around for r in calls(town.city, d, seed)],
        "refined.crashes": [r for d in around for r in crashes(town.city, d, seed)],
    }
    known = districts(seed) if outlines else []
    for table, rows in made.items():
        town.put(table, rows)
    if known:
        town.put("reference.districts", known)
    of_month = {t: [r for r in town.frame(t, rows).to_dicts() if r["event_date"] in MONTH] for t, rows in made.items()}
    return of_month["refined.emergency_calls"], of_month["refined.crashes"], known


def incidents(rows):
    """One dict per incident and day: its first arriving unit's row, with what other rows know."""
    by_id = defaultdict(list)
    for r in rows:
        by_id[r["event_date"], r["incident_id"]].append(r)
    out = []
    for units in by_id.values():
        first = min(
            units,
            key=lambda r: (
                r["on_scene_at"] is None,
                r["on_scene_at"] or 0,
                r["dispatched_at"] is None,
                r["dispatched_at"] or 0,
                r["unit_id"],
            ),
        )
        one = dict(first)
        for column in ("district", "priority"):
            if one[column] == "unknown":
                one[column] = min((u[column] for u in units if u[column] != "unknown"), default="unknown")
        one["h3_cell"] = one["h3_cell"] or min((u["h3_cell"] for u in units if u["h3_cell"]), default=None)
        out.append(one)
    return out


@pytest.mark.parametrize("seed", [1, 2])
def test_response_times_of_a_month_agree_with_the_oracle(town, seed):
    rows, _, _ = fill(town, seed)
    cells = defaultdict(list)
    for one in incidents(rows):
        cells[one["district"], one["priority"]].append(one)
    got = town.measure("response_times_monthly", MONTH[10])
    assert {(r["district"], r["priority"]): r["n"] for r in got.to_dicts()} == {k: len(v) for k, v in cells.items()}
    ends = {"call_processing": ("received_at", "dispatched_at"), "turnout": ("dispatched_at", "en_route_at")}
    ends |= {"travel": ("en_route_at", "on_scene_at"), "total": ("received_at", "on_scene_at")}
    for row in got.to_dicts():
        firsts = cells[row["district"], row["priority"]]
        close(row["coverage_share"], sum(f["on_scene_at"] is not None for f in firsts) / len(firsts), row)
        order = ("received_at", "dispatched_at", "en_route_at", "on_scene_at", "cleared_at")
        known = [[f[c] for c in order if f[c]] for f in firsts]
        close(row["health_share"], sum(k == sorted(k) for k in known) / len(firsts), row)
        for phase, (a, b) in ends.items():
            took = [(f[b] - f[a]).total_seconds() for f in firsts if f[a] and f[b] and f[b] >= f[a]]
            assert row[f"{phase}_n"] == len(took)
            assert row[f"{phase}_within_n"] == sum(s <= TARGETS[phase] for s in took)
            close(row[f"{phase}_p50_s"], percentile(took, 0.5) if took else None, phase)
            close(row[f"{phase}_p90_s"], percentile(took, 0.9) if took else None, phase)
        assert row["null_reason"] == (None if row["total_n"] else "no_arrival")
    days = town.measure("response_times_daily", *MONTH)
    parts = [c for c in days.columns if c == "n" or c.endswith(("_n", "_sum_s"))]
    summed = days.group_by("district", "priority").agg(pl.col(parts).sum()).sort("district", "priority")
    month = got.select("district", "priority", pl.col(parts).fill_null(0)).sort("district", "priority")
    assert summed.select(month.columns).rows() == month.rows()


def cells_of(corners, around):
    """The cells whose middle lies within, of all around a place."""
    at = (
        pl.DataFrame({"c": [around]})
        .select(c=h3.grid_disk("c", 40))
        .explode("c")
        .with_columns(lat=h3.cell_to_lat("c"), lon=h3.cell_to_lng("c"))
    )
    return {c for c, lat, lon in at.rows() if inside(lon, lat, corners)}


def neighbours(cells):
    found = pl.DataFrame({"c": sorted(cells)}).select("c", d=h3.grid_disk("c", 1))
    return {c: set(d) for c, d in found.rows()}


@pytest.mark.parametrize("seed", [1, 2])
def test_rates_agree_with_the_oracle(town, seed):
    rows, _, known = fill(town, seed)
    ones = incidents(rows)
    middle = next(o["h3_cell"] for o in ones if o["h3_cell"])
    got = {(r["area_kind"], r["area"], r["call_type"]): r for r in town.measure("incident_rates", MONTH[3]).to_dicts()}
    people = defaultdict(float)
    for day in MONTH:
        for name in {k["district"] for k in known}:
            mine = sorted((k for k in known if k["district"] == name), key=lambda k: k["valid_from"])
            start = town.city.day_start(day)
            now = ([k for k in mine if k["valid_from"] <= start] or mine[:1])[-1]
            if now["population"] is not None:
                people["district", name] += now["population"]
    for name, corners in OUTLINES.items():
        within = cells_of(corners, middle)
        assert len(within) > 10
        for c in within:
            people["h3_cell", c] += people["district", name] / len(within)
    n = Counter()
    for o in ones:
        n.update([("district", o["district"], "all"), ("district", o["district"], o["call_type"])])
        n.update([("h3_cell", o["h3_cell"], "all")] if o["h3_cell"] else [])
    types = {"all", *(o["call_type"] for o in ones)}
    areas = {*people, ("district", "empty"), *(k[:2] for k in n)}
    assert set(got) == {(kind, area, t) for kind, area in areas for t in (types if kind == "district" else ["all"])}
    coverage = len({o["event_date"] for o in ones}) / 31
    health = {
        "district": sum(o["district"] != "unknown" for o in ones) / len(ones),
        "h3_cell": sum(bool(o["h3_cell"]) for o in ones) / len(ones),
    }
    for key, row in got.items():
        mean = people[key[:2]] / 31 if key[:2] in people else None
        close(row["coverage_share"], coverage, key)
        close(row["health_share"], health[key[0]], key)
        assert row["n"] == n[key], key
        close(row["population"], mean, key)
        reason = "low_coverage" if coverage < 0.75 else None if mean else "no_population"
        assert row["null_reason"] == reason, (key, row)
        close(row["incidents_per_10000"], row["n"] * 10000 / mean if mean and not reason else None, key)


def study_area(counted, outlined):
    disks = neighbours(counted)
    if outlined is None:
        return set().union(*disks.values())
    return outlined | {c for c, d in disks.items() if d & outlined}


@pytest.mark.parametrize("outlines", [True, False])
@pytest.mark.parametrize("seed", [1, 2])
def test_hot_spots_agree_with_plain_python_and_with_pysal(town, seed, outlines):
    esda, libpysal = pytest.importorskip("esda"), pytest.importorskip("libpysal")
    rows, accidents, _ = fill(town, seed, outlines)
    happened = {"calls": incidents(rows), "crashes": [c for c in accidents if c["valid_to"] is None]}
    found = town.measure("hotspots", MONTH[20])
    middle = next(o["h3_cell"] for o in happened["calls"] if o["h3_cell"])
    outlined = set().union(*(cells_of(c, middle) for c in OUTLINES.values())) if outlines else None
    for kind, ones in happened.items():
        got = {r["h3_cell"]: r for r in found.filter(kind=kind).to_dicts()}
        counted = Counter(o["h3_cell"] for o in ones if o["h3_cell"])
        area = sorted(study_area(set(counted), outlined))
        assert sorted(got) == area
        near = {c: sorted(d & set(area)) for c, d in neighbours(area).items()}
        x = np.array([counted[c] for c in area], float)
        size, mean, deviation = len(x), x.mean(), x.std()
        z = {}
        for c in area:
            w = len(near[c])
            z[c] = (sum(counted[d] for d in near[c]) - mean * w) / (deviation * math.sqrt((size * w - w * w) / (size - 1)))
        w = libpysal.weights.W({c: near[c] for c in area}, id_order=area, silence_warnings=True)
        pysal = esda.G_Local(x, w, transform="B", star=None, permutations=0)
        np.testing.assert_allclose([z[c] for c in area], pysal.Zs, rtol=1e-9, atol=1e-9)
        p = 2 * norm.sf(np.abs([z[c] for c in area]))
        q = false_discovery_control(p)
        for c, pc, qc in zip(area, p, q, strict=True):
            row = got[c]
            assert (row["n"], row["neighbourhood_cells"], row["area_cells"]) == (counted[c], len(near[c]), size)
            close(row["coverage_share"], sum(counted.values()) / len(ones), c)
            close(row["health_share"], x.sum() / sum(counted.values()), c)
            for name, value in (("z_score", z[c]), ("p_value", pc), ("q_value", qc)):
                assert math.isclose(row[name], value, rel_tol=1e-7, abs_tol=1e-12), (name, row)
            assert row["verdict"] == ("none" if qc > 0.05 else "hot" if z[c] > 0 else "cold")
        if kind == "calls":
            assert {r["verdict"] for r in got.values()} >= {"hot", "none"}


@pytest.mark.parametrize("metric", ["incident_rates", "hotspots", "response_times_monthly"])
def test_order_files_and_batches_do_not_change_a_byte(make_town, metric, monkeypatch):
    one, other = make_town("one"), make_town("other")
    fill(one, 3)
    fill(other, 3)
    for table, make in (("emergency_calls", calls), ("crashes", crashes)):
        rows = [r for d in MONTH for r in make(other.city, d, 3)]
        random.Random(1).shuffle(rows)
        other.put(f"refined.{table}", rows, files=3, seed=5)
    one.measure(metric, *MONTH)
    monkeypatch.setattr("assets.measure.BATCH_ROWS", 1)
    other.measure(metric, *MONTH)
    assert one.bodies(metric) and list(one.bodies(metric).values()) == list(other.bodies(metric).values())


def test_months_without_places_and_of_one_cell_say_so(town):
    bare = {"unit_id": "u", "call_type": "x", "priority": "1", "district": "a"}
    rows = [bare | {"incident_id": f"{d}", "received_at": f"{d}T10:00:00+00:00"} for d in MONTH]
    town.put("refined.emergency_calls", rows)
    assert town.measure("hotspots", MONTH[0]).height == 0
    town.put("refined.emergency_calls", [r | {"h3_cell": "891f1d48963ffff"} for r in rows])
    assert measure(town.lake, town.city, "hotspots", MONTH[:1]) == MONTH[:1]
    found = town.read("hotspots", MONTH[0])
    assert found["null_reason"].unique().to_list() == ["too_few"] and found["n"].sum() == 31
