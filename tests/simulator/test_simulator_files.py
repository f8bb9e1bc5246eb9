"""The simulator's files: same seed, same bytes; faults at their rates; every kind really there."""

import gzip
import hashlib
import json
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.simulator import KINDS, FaultRates, simulate
from pipelines.simulator.faults import draw
from schemas.city import City

CITY = City("Demo City", "Europe/Berlin")
DAY = date(2026, 5, 1)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def _lines(folder: Path, feed: str) -> list[bytes]:
    paths = sorted((folder / "inbox" / feed).glob("*[!t]"))
    return [
        line
        for p in paths
        if p.suffix != ".parquet"
        for line in (gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes()).split(b"\n")
    ]


def test_same_seed_same_bytes_other_seed_others(tmp_path):
    for name, seed in (("a", 6), ("b", 6), ("c", 7)):
        simulate(tmp_path / name, CITY, DAY, 1, 9_000, seed)
    a, b, c = (_digests(tmp_path / n) for n in "abc")
    assert len(a) > 15
    assert a == b
    # late lines open files of their own
    assert len(a.keys() & c.keys()) > 15
    assert a["inbox/meter_readings/2026-04-30T2200Z.csv"] != c["inbox/meter_readings/2026-04-30T2200Z.csv"]


@pytest.mark.parametrize("events", [30_000, 120_000, 400_000])
def test_about_as_many_rows_as_asked_for(tmp_path, events):
    made = simulate(tmp_path, CITY, DAY, 1, events, 3)
    # signals, buses, car parks, bikes, lamps and cameras are at least a few of each
    assert abs(sum(made.lines.values()) - events) < 0.2 * events + 8_000


def test_a_city_without_faults_has_none(tmp_path):
    made = simulate(tmp_path, CITY, DAY, 1, 20_000, 3, faults=None)
    assert not any(b.get("rejected") for b in made.books.values())
    # a transaction is told when it is submitted, and again when it ends
    assert {feed for feed, b in made.books.items() if b.get("superseded")} == {"eservice_transactions"}
    # polls and tables that are published whole repeat what did not change
    polled = {"transit_vehicles", "bike_stations", "crashes", "service_requests"}
    assert {feed for feed, b in made.books.items() if b.get("repeated")} == polled
    assert not any(made.faults.values())
    for name in ("traffic_hourly", "energy_load_30min", "response_times_daily"):
        assert pl.read_parquet(made.truth / f"{name}.parquet")["damaged_n"].sum() == 0


def test_rows_are_touched_at_the_stated_rates(tmp_path):
    made = simulate(tmp_path, CITY, DAY, 1, 120_000, 9)
    rows, told = made.lines["traffic_flow"], made.faults["traffic_flow"]
    for kind in ("repeat", "correction", "late_minutes", "late_hours", "new_field", "sentinel", "text_number", "truncated"):
        p = getattr(FaultRates(), kind)
        assert abs(told[kind] - rows * p) < 5 * (rows * p * (1 - p)) ** 0.5 + rows * p * 0.1, kind
    # kinds of a device touch all its rows: how many that are is the luck of few devices
    touched = sum(n for k, n in told.items() if k not in ("mph", "clock_offset", "percent", "drop_out", "stuck", "chatter"))
    assert 0.005 < touched / rows < 0.02


def test_a_row_gets_one_fault_at_most_and_each_kind_its_share():
    import numpy as np

    kinds = ("repeat", "sentinel")
    chosen = draw(np.random.default_rng(1), FaultRates.rows_only(repeat=0.3, sentinel=0.1), kinds, 50_000)
    assert abs((chosen == 0).mean() - 0.3) < 0.01
    assert abs((chosen == 1).mean() - 0.1) < 0.01
    assert set(chosen) == {-1, 0, 1}


def test_every_rate_is_a_kind_of_fault():
    assert {f.name for f in fields(FaultRates)} - {"files", "polls"} == set(KINDS) - {
        "doubled_hour",
        "empty_poll",
        "blank_entity",
    }


def test_every_kind_is_told_and_is_in_the_files(tmp_path):
    more = FaultRates(**{k: min(v * 8, 0.08) if k != "files" else 0.5 for k, v in asdict(FaultRates()).items()})
    told: set[str] = set()
    for name, start in (("autumn", date(2026, 10, 24)), ("spring", date(2026, 3, 28))):
        made = simulate(tmp_path / name, CITY, start, 2, 40_000, 2, more)
        told |= {k for counts in made.faults.values() for k in counts}
        files = json.loads((made.truth / "faults.json").read_text())["files"]
        assert files["traffic_flow"]["gzip"] > 0
        assert files["traffic_flow"]["no_final_newline"] > 0
    assert told == set(KINDS)
    traffic, meters, calls = (_lines(made.folder, f) for f in ("traffic_flow", "meter_readings", "emergency_calls"))
    for needle in (
        b'"vehicle_count":"n/a"',
        b":NaN",
        b"\xc3\x28",
        b"\x00" * 64,
        b":327.67",
        b":65535",
        b':"1',
        b".0,",
        b"heavy_",
        b'"2056-',
    ):
        assert any(needle in line for line in traffic), needle
    assert any(line.startswith(b"[") for line in traffic)
    assert any(line.startswith(b"{") and not line.endswith(b"}") for line in traffic)
    for needle in (b",-1,", b",n/a,", b",,", b",Q7", b"\x00" * 32, b"\xc3\x28", b",2026-03-29 02:"):
        assert any(needle in line for line in meters), needle
    assert any(b'"lat":0.0,"lon":0.0' in line for line in calls)


def test_late_rows_stand_in_later_files(tmp_path):
    made = simulate(tmp_path, CITY, DAY, 2, 20_000, 2, FaultRates.rows_only(late_hours=0.05, late_weeks=0.01))
    lines = (made.folder / "inbox/traffic_flow/2026-05-01T0400Z.jsonl").read_bytes().splitlines()
    stamps = sorted(json.loads(line)["observed_at"] for line in lines)
    assert stamps[0].startswith("2026-04-17")
    assert any(s.startswith("2026-04-30T2") for s in stamps)


def test_progress_is_told_after_each_day(tmp_path):
    heard: list[tuple[str, int, int]] = []
    simulate(tmp_path, CITY, DAY, 2, 4_000, 2, progress=lambda *a: heard.append(a))
    assert heard == [("simulate", 1, 2), ("simulate", 2, 2)]
