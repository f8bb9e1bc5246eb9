"""Runs of the land and build jobs: what they book, what they check, and what a bad day stops."""

from datetime import UTC, date, datetime

import dagster as dg
import duckdb
import polars as pl

from assets.refined import refine
from dagster_project import verdicts
from schemas import ledger, registry
from schemas.lake import Lake, Step
from tests.dagster.conftest import DAYS, Place, Walked, asked_days
from tests.good_rows import good_rows, put


def evaluations(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    return {(e.asset_key.to_user_string(), e.check_name): e for e in result.get_asset_check_evaluations()}


def materialised(result: dg.ExecuteInProcessResult) -> set[str]:
    return {e.asset_key.to_user_string() for e in result.get_asset_materialization_events() if e.asset_key}


def values(event: dg.AssetMaterialization | dg.AssetCheckEvaluation) -> dict[str, object]:
    return {k: v.value for k, v in event.metadata.items()}


def booked(lake: Lake, stage: str, feed: str, day: date | None = None) -> dict[str, int]:
    lines = ledger.lines(lake).filter((pl.col("stage") == stage) & (pl.col("feed") == feed))
    lines = lines if day is None else lines.filter(pl.col("event_date") == day)
    return lines.select(pl.col(*ledger.COUNTS, "late").sum()).row(0, named=True)


def damage(lake: Lake, day: date) -> None:
    """Another program leaves each row of a refined day twice."""
    contract = registry.feed("traffic_flow")
    scan = lake.scan("refined", contract.name, [day])
    assert scan is not None
    rows = scan.collect()
    (file,) = lake.files("refined", contract.name, [day])
    stem = file.path.rpartition("/")[2].removesuffix(".parquet")
    lake.write_part("refined", contract.name, day, stem, pl.concat([rows, rows]))


def test_landing_says_what_the_books_say(walked: Walked) -> None:
    assert walked.landed.success
    lake = walked.place.settings.lake
    for feed in walked.place.settings.sources:
        said = values(walked.landed.asset_materializations_for_node(f"raw__{feed}")[0])
        books = booked(lake, "land", feed)
        counts = ("taken", "kept", "rejected", "late")
        assert {n: said[n] for n in counts} == {n: books[n] for n in counts}
        assert (said["files"], said["refused"]) == (1, 0)
        assert said["taken"] > 0
    flow = values(walked.landed.asset_materializations_for_node("raw__traffic_flow")[0])
    # 47 hours of 4 quarters and 2 sensors, 7 repeats, and a broken line
    assert (flow["taken"], flow["rejected"]) == (47 * 4 * 2 + 7 + 1, 1)


def test_building_says_what_the_books_say_of_each_day(walked: Walked) -> None:
    assert walked.built.success
    lake = walked.place.settings.lake
    for feed in walked.place.settings.sources:
        by_day = {m.partition: values(m) for m in walked.built.asset_materializations_for_node(f"refined__{feed}")}
        assert set(by_day) == {d.isoformat() for d in DAYS}
        for day in DAYS:
            books = booked(lake, "refine", feed, day)
            said = by_day[day.isoformat()]
            assert {n: said[n] for n in ledger.COUNTS} == {n: books[n] for n in ledger.COUNTS}
    assert sum(booked(lake, "refine", "traffic_flow", d)["repeated"] for d in DAYS) == 7


def test_every_check_ran_and_passed_and_the_books_balance(walked: Walked) -> None:
    found = evaluations(walked.landed) | evaluations(walked.built)
    house = {f"metrics.{n}" for n in registry.kernel()}
    tables = [t.replace(".", "/") for t in registry.table_contracts() if not t.startswith("reference.") and t not in house]
    assert {t for t, name in found if name == "gate"} == set(tables)
    assert all(e.passed for e in found.values()), [k for k, e in found.items() if not e.passed]
    gate = values(found["refined/traffic_flow", "gate"])
    assert (gate["state"], gate["days"], gate["days_asked"], gate["crashed"]) == ("passed", 2, 2, False)
    assert gate["rows"] == 47 * 4 * 2
    assert (ledger.balance(walked.place.settings.lake)["off_by"] == 0).all()
    # what landing judged is not judged again
    assert values(evaluations(walked.built)["raw/traffic_flow", "gate"])["days_asked"] == 0


def test_the_export_holds_what_was_measured(walked: Walked) -> None:
    lake = walked.place.settings.lake
    with duckdb.connect(str(lake.exports() / "citylake.duckdb"), read_only=True) as con:
        (rows,) = con.sql("SELECT count(*) FROM metrics.traffic_15min").fetchone() or (0,)
    assert rows == 47 * 4 * 2
    assert "exports/citylake" in materialised(walked.built)


def test_a_bad_refined_day_stops_what_reads_it_until_it_is_mended(place: Place) -> None:
    lake, flow = place.settings.lake, "refined/traffic_flow"
    others = ["refined/emergency_calls", "metrics/response_times_daily"]
    place.run("land", only=["raw/traffic_flow", "raw/emergency_calls"])
    refine(lake, place.settings.city, "traffic_flow", DAYS)
    damage(lake, DAYS[1])
    stopped = place.run("build", *DAYS, only=[flow, "metrics/sensor_health_daily", *others])
    assert not stopped.success
    gate = evaluations(stopped)[flow, "gate"]
    assert (gate.passed, gate.severity) == (False, dg.AssetCheckSeverity.ERROR)
    said = values(gate)
    assert (said["state"], said["crashed"], said["blocked_days"]) == ("failed", False, [DAYS[1].isoformat()])
    assert "key.repeated" in str(said["failing"])
    assert "sensor_id" in str(said["sample"])
    assert materialised(stopped) == {flow, *others}, "what reads the bad table waits; what does not, goes on"
    # the neighbours go on without the bad day, and only they
    assert verdicts.blocked_days(place.settings) == {DAYS[1]}
    assert asked_days(place.after("build_neighbours", stopped)) == {DAYS[0]}
    # a bad day is asked about again although its files are the same: it never passes for fresh
    again = place.run("build", DAYS[1], only=[flow])
    assert not again.success
    assert place.after("build_neighbours", again) == []
    refine(lake, place.settings.city, "traffic_flow", [DAYS[1]], force=True)
    assert place.run("build", *DAYS, only=[flow]).success
    assert not verdicts.blocked_days(place.settings)


def test_a_row_that_no_book_knows_fails_the_balance(place: Place) -> None:
    lake, contract = place.settings.lake, registry.feed("traffic_flow")
    feeds = ["raw/traffic_flow", "raw/meter_readings"]
    place.run("land", only=feeds)
    scan = lake.scan("raw", contract.name, [DAYS[0]])
    assert scan is not None
    part = lake.write_part("raw", contract.name, DAYS[0], "foreign", scan.collect().head(3))
    lake.append("raw", contract.name, contract.arrow_schema("raw"), [Step("another program", 0, 1, (part,))])
    landed = place.run("land", only=feeds)
    assert not landed.success
    balance = evaluations(landed)["raw/traffic_flow", "balance"]
    assert (balance.passed, balance.severity, values(balance)["off_by"]) == (False, dg.AssetCheckSeverity.ERROR, 3)
    assert evaluations(landed)["raw/meter_readings", "balance"].passed


def test_a_bad_landed_day_is_not_refined(place: Place) -> None:
    lake, contract = place.settings.lake, registry.feed("emergency_calls")
    rows = good_rows(contract, "raw", DAYS[0]).with_columns(lat=pl.lit(95.0))
    put(lake, contract, "raw", rows, DAYS[0])
    tally = ledger.Tally("land", contract.name, DAYS[0], rows.height, rows.height)
    ledger.record(lake, "a", [tally], datetime.now(UTC))
    built = place.run("build", DAYS[0])
    found = evaluations(built)
    assert "lat.out_of_range" in str(values(found["raw/emergency_calls", "gate"])["failing"])
    assert found["raw/emergency_calls", "balance"].passed
    assert not {"refined/emergency_calls", "metrics/response_times_daily"} & materialised(built)
    assert "refined/traffic_flow" in materialised(built)


def test_tidying_leaves_the_rows(place: Place) -> None:
    place.run("land")
    before = ledger.lines(place.settings.lake)
    assert place.run("tidy").success
    order = ["feed", "event_date", "source", "taken"]
    assert ledger.lines(place.settings.lake).sort(order).equals(before.sort(order))
    assert (ledger.balance(place.settings.lake)["off_by"] == 0).all()
