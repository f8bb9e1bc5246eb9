"""A metric of months in a run of days: measured, gated and exported though the month's first day is no day of the run."""

from datetime import date

import duckdb
import polars as pl
import pytest

from dagster_project.settings import load
from tests.dagster.conftest import DAYS, Place, instants
from tests.dagster.test_runs import evaluations, values

MARCH = date(2025, 3, 1)
BLOCK = """
[feeds.travel_time.sources.inbox]
uri = "inbox/travel_time*.jsonl"
format = "json_lines"
"""


@pytest.mark.slow
def test_a_run_of_a_day_measures_its_month(place: Place) -> None:
    rows = pl.DataFrame({"observed_at": instants(900)}).with_columns(route_id=pl.lit("r"), travel_time_s=pl.lit(60.0))
    rows.write_ndjson(place.folder / "inbox" / "travel_time.jsonl")
    toml = place.folder / "citylake.toml"
    toml.write_text(toml.read_text().replace("[reference]", BLOCK + "[reference]"))
    place.settings = load(toml)
    name = "metrics/travel_time_reliability"
    place.run("land", only=["raw/travel_time"])
    built = place.run("build", *DAYS, only=["refined/travel_time", "metrics/sensor_health_daily"])
    assert built.success
    built = place.run("build", DAYS[1], only=[name, "exports/citylake"])
    assert built.success
    gate = values(evaluations(built)[name, "gate"])
    assert (gate["state"], gate["days"], gate["days_asked"], gate["rows"]) == ("passed", 1, 1, 5)
    assert [(f.event_date, f.rows) for f in place.settings.lake.files("metrics", "travel_time_reliability")] == [(MARCH, 5)]
    with duckdb.connect(str(place.settings.lake.exports() / "citylake.duckdb"), read_only=True) as con:
        assert con.sql("SELECT sum(n), min(event_date) FROM metrics.travel_time_reliability").fetchall() == [(47 * 4, MARCH)]
