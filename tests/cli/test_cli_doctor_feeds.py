"""`citylake doctor feeds`: findings, the lines to review, JSON, exit codes. What is found is tested in tests/forensics."""

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from schemas.registry import references
from tests.forensics.small_city import SmallCity, detectors, meters, of

TOML = """\
[city]
name = "Smallville"
time_zone = "Europe/Berlin"
[lake]
root = "lake"
"""
FEEDS = ("traffic_flow", "meter_readings")


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small city with one detector in mph whose clock is ahead, and one in percent."""
    folder = tmp_path_factory.mktemp("doctor")
    city = SmallCity(folder)
    city.describe()
    rows = of("D00", (pl.col("speed") / 1.609344).round(1), pl.col("stamp") + 840)(detectors(3))
    city.land_detectors(of("D02", (pl.col("occupancy") * 100).round(2))(rows))
    city.land_meters(meters(3))
    (folder / "citylake.toml").write_text(TOML, encoding="utf-8")
    return folder / "citylake.toml"


def test_findings_as_json(cli: Any, toml: Path) -> None:
    done = cli("doctor", "feeds", *FEEDS, "-c", toml, "--json")
    flow, energy = done.json
    assert done.code == 1
    assert [(f["device"], f["what"], f["found"]) for f in flow["findings"]] == [
        ("D00", "clock", "clock 840 s ahead"),
        ("D00", "mean_speed_kmh", "mph reported as km/h"),
        ("D02", "occupancy_share", "percent reported as share"),
    ]
    first = flow["findings"][0]
    assert (first["since"], first["line"]["clock_offset_s"], first["line"]["speed_factor"]) == ("2026-05-05", 840, 1.609344)
    assert dict(zip(references()["sensors"].names, next(csv.reader([first["csv"]])), strict=True))["clock_offset_s"] == "840"
    assert (flow["feed"], flow["reference"], flow["devices"]) == ("traffic_flow", "sensors", 20)
    assert (energy["findings"], energy["judged"]) == ([], {"energy_kwh": 36, "reading_kwh": 0, "clock": 36})


def test_the_lines_on_the_screen_are_those_to_add(cli: Any, toml: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    done = cli("doctor", "feeds", "traffic_flow", "-c", toml)
    assert done.code == 1
    lines = done.out.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("sensor_id,valid_from,"))
    rows = list(csv.DictReader(lines[head : lines.index("", head)]))
    # one line a device, however many findings
    assert [(r["sensor_id"], r["speed_factor"], r["occupancy_factor"], r["clock_offset_s"]) for r in rows] == [
        ("D00", "1.609344", "1.0", "840"),
        ("D02", "1.0", "0.01", "0"),
    ]
    assert max(map(len, lines[:head])) <= 100
    assert "mph reported as km/h" in done.out and "3 findings. Nothing was changed" in " ".join(done.err.split())
    assert pl.read_delta(str(toml.parent / "lake" / "reference" / "sensors"))["speed_factor"].unique().to_list() == [1.0]


def test_a_clean_feed_exits_0_and_an_empty_one_says_so(cli: Any, toml: Path) -> None:
    done = cli("doctor", "feeds", "meter_readings", "-c", toml)
    assert (done.code, done.out) == (0, "")
    assert "36 devices, 2026-05-05 to 2026-05-06" in done.err and "No device seems" in done.err
    empty = cli("doctor", "feeds", "bike_stations", "-c", toml)
    assert empty.code == 0 and "no rows yet" in empty.err and "Too little data" in empty.err


def test_a_feed_or_a_look_that_does_not_exist_is_refused(cli: Any, toml: Path) -> None:
    assert "traffic_flow" in cli("doctor", "feeds", "trafic", "-c", toml).err
    wrong = cli("doctor", "fees", "-c", toml)
    assert wrong.code == 2 and "fees" in wrong.err
    assert json.loads(cli("doctor", "feeds", "bike_stations", "-c", toml, "--json").out)[0]["findings"] == []
