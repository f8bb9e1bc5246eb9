"""`citylake describe`: what is known of one table, and the list of them."""

from pathlib import Path
from typing import Any

import polars as pl

from dagster_project.cli import lake_tables, table_facts
from schemas import registry
from schemas.lake import File, Lake
from schemas.tables import every
from tests.cli.small_city import DAY, GOOD


def test_a_table_is_told_whole(cli: Any, toml: Path) -> None:
    told = cli("describe", "refined.traffic_flow", "-c", toml, "--json").json
    assert (told["rows"], told["files"], told["partitioned_by"], told["days_missing"]) == (GOOD, 1, ["event_date"], [])
    assert told["freshness"]["newest_event_at"] == f"{DAY}T06:39:00+00:00"
    assert told["freshness"]["newest_landing_at"] <= told["freshness"]["written_at"]
    [day] = told["by_day"]
    assert (day["day"], day["rows"], day["files"], day["bytes"]) == (DAY, GOOD, 1, told["bytes"])
    assert day["check"] in ("passed", "warning")
    assert told["versions"]["now"] >= 1
    assert told["reads"] == ["raw.traffic_flow", "reference.sensors"]
    assert "metrics.traffic_15min" in told["read_by"]
    assert told["key"] == ["sensor_id", "lane", "observed_at"]


def test_sources_readers_and_thresholds(cli: Any, toml: Path) -> None:
    raw = cli("describe", "raw.traffic_flow", "-c", toml, "--json").json
    assert (raw["reads"], raw["read_by"]) == (["source detectors"], ["refined.traffic_flow"])
    metric = cli("describe", "metrics.traffic_daily", "-c", toml, "--json").json
    assert "metrics.traffic_hourly" in metric["reads"]
    assert metric["thresholds"]
    empty = cli("describe", "metrics.energy_daily", "-c", toml, "--json").json
    assert "published.energy_daily" in empty["read_by"]


def test_the_screen_says_how_long_ago_and_fits(cli: Any, toml: Path, monkeypatch: Any) -> None:
    for width in (80, 140):
        monkeypatch.setenv("COLUMNS", str(width))
        shown = cli("describe", "metrics.traffic_hourly", "-c", toml).out
        assert all(len(row) <= width for row in shown.splitlines())
        assert "newest event 2026-06-01 21:00Z (" in " ".join(shown.split())
        assert "gate: 1 " in shown
        assert DAY in shown.split("Days", 1)[1]
    assert "Nothing was written to it yet." in cli("describe", "raw.crashes", "-c", toml).out


def test_without_a_table_it_lists_them(cli: Any, toml: Path) -> None:
    told = {line["table"]: line for line in cli("describe", "-c", toml, "--json").json}
    assert set(told) == set(every())
    assert told["refined.traffic_flow"]["rows"] == GOOD
    shown = cli("describe", "-c", toml)
    assert "refined.traffic_flow" in shown.out
    assert "more that nothing was written to yet" in shown.err


def test_of_metrics_about_people_only_what_may_be_told_is_shown(lake: Lake) -> None:
    name, contract = next((n, c) for n, c in registry.metrics().items() if c.is_gated)
    for layer, secret in (("metrics", 7), ("published", None)):
        schema = contract.polars_schema(layer)
        row = {n: [secret if n == "n" else None] for n in schema}
        frame = pl.DataFrame(row, schema=schema)
        day = table_facts.date(2026, 6, 1)
        part = lake.write_part(layer, name, day, "part", frame)
        lake.replace(layer, name, contract.arrow_schema(layer), [part])
    [shown] = lake_tables.sample(lake, every()[f"metrics.{name}"], 3)
    assert shown["n"] is None
    assert "release" in shown and "_cells" not in shown


def test_days_between_without_rows() -> None:
    from datetime import date

    held = [{"day": date(2026, 6, d), "rows": r} for d, r in ((1, 5), (2, 0), (4, 1), (6, 0))]
    assert table_facts.missing(held) == [date(2026, 6, 2), date(2026, 6, 3)]
    assert table_facts.missing([]) == []
    assert lake_tables.days([File("u", "p", date(2026, 6, 1), 0, 1, 1)]) is None
