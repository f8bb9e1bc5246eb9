"""How metrics are run: days, digests, restating, order of rows. What they say is tested in test_golden and against oracles."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from assets.measure import dependencies, measure, order
from assets.refined import refine
from schemas import ledger, registry
from schemas.errors import CitylakeError

from . import makers
from .conftest import Town
from .randoms import readings, traffic

DAY = date(2026, 3, 29)
"""The day on which Berlin's clocks go forward."""
DAYS = [DAY - timedelta(days=1), DAY]


FEW = ("traffic_flow", "meter_readings", "emergency_calls")


def made(town, seed, feeds=None):
    """Random rows of the two days, by feed."""
    every = {f: of for f, of in makers.feeds().items() if feeds is None or f in feeds}
    return {feed: [r for make in of for d in DAYS for r in make(town.city, d, seed)] for feed, of in every.items()}


def fill(town, seed=7, files=1, shuffle=None, feeds=None):
    """Feeds (all, if none are given) of two days, and the reference tables."""
    for table, rows in makers.references(seed).items():
        town.put(f"reference.{table}", rows)
    for feed, rows in made(town, seed, feeds).items():
        town.put(f"refined.{feed}", rows, files, shuffle)
    tally = ledger.Tally("refine", "traffic_flow", DAY, 5, 5, source="a")
    ledger.record(town.lake, "a", [tally], datetime(2026, 5, 1, tzinfo=UTC))


def measure_all(town, force=False):
    return {m: measure(town.lake, town.city, m, DAYS, force) for m in order(registry.metrics())}


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """The same rows twice: in one file a day and one batch, and shuffled, in four files a day, measured day by day."""
    one, other = (Town(tmp_path_factory.mktemp(n) / "lake", "Europe/Berlin") for n in ("one", "other"))
    fill(one)
    fill(other, files=4, shuffle=3)
    measure_all(one)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assets.measure.BATCH_ROWS", 1)
        measure_all(other)
    return one, other


@pytest.mark.parametrize("metric", registry.metrics())
def test_order_of_rows_files_and_batches_does_not_change_a_byte(twins, metric):
    one, other = twins
    assert one.read(metric, *DAYS).height > 0, "its feed has no maker of random rows: see makers.py"
    assert one.bodies(metric) == other.bodies(metric)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """The same raw rows twice: each once, and some of them again in later files, in another order; refined and measured."""
    towns = [Town(tmp_path_factory.mktemp(n) / "lake", "Europe/Berlin") for n in ("once", "again")]
    for town, again in zip(towns, (0, 3), strict=True):
        for table, rows in makers.references(7).items():
            town.put(f"reference.{table}", rows)
        for feed, rows in made(town, 7).items():
            town.deliver(feed, rows, again)
            refine(town.lake, town.city, feed)
        measure_all(town)
    return towns


@pytest.mark.parametrize("metric", [m for m in registry.metrics() if "ledger" not in dependencies(m)])
def test_redelivery_does_not_change_a_byte(delivered, metric):
    once, again = delivered
    assert once.read(metric, *DAYS).height > 0
    assert once.bodies(metric) == again.bodies(metric)


def test_redelivery_is_in_the_books(delivered):
    once, again = (ledger.balance(t.lake).filter(pl.col("stage") == "refine") for t in delivered)
    assert set(again.filter(pl.col("repeated") > 0)["feed"]) == set(makers.feeds())
    assert once.select("feed", "event_date", "kept").equals(again.select("feed", "event_date", "kept"))


def test_every_feed_has_a_maker_of_random_rows():
    assert set(makers.feeds()) == set(registry.feeds())


def test_the_same_inputs_are_not_measured_again_and_force_gives_the_same_bytes(twins, monkeypatch):
    town = twins[0]
    before = {m: town.bodies(m) for m in registry.metrics()}
    assert not any(measure_all(town, force=True).values())
    assert before == {m: town.bodies(m) for m in registry.metrics()}
    monkeypatch.setattr("assets.measure.prepare", None)
    assert not any(measure_all(town).values())


def test_a_changed_day_is_restated_with_the_days_that_look_back_to_it(town):
    fill(town, feeds=FEW)
    measure_all(town)
    town.put("refined.meter_readings", readings(town.city, DAYS[0], 8))
    changed = measure_all(town)
    assert changed["sensor_health_daily"] == [DAYS[0]]
    assert changed["energy_load_30min"] == DAYS
    assert changed["response_times_daily"] == changed["data_balance"] == []


def test_a_city_overrides_a_threshold_and_only_metrics_that_read_it_are_restated(town):
    fill(town, feeds=FEW)
    measure_all(town)
    before = town.read("response_times_daily", *DAYS)
    row = {"name": "total_target_s", "value": 1e9, "unit": "s", "source": "the city", "edition": "2026"}
    town.put("reference.thresholds", [row])
    assert {m for m, days in measure_all(town).items() if days} == {"response_times_daily", "response_times_monthly"}
    after = town.read("response_times_daily", *DAYS)
    assert (before["total_within_n"] < before["total_n"]).any()
    assert after["total_within_n"].equals(after["total_n"])


def test_a_clock_change_makes_92_or_100_quarters(make_town):
    for day, quarters in ((DAY, 92), (date(2026, 10, 25), 100)):
        town = make_town(str(day))
        town.put("refined.traffic_flow", traffic(town.city, day, 1))
        town.put("refined.meter_readings", readings(town.city, day, 1))
        rows = town.measure("traffic_15min", day).filter(sensor_id="d0")
        assert rows.height == rows["bin_at"].n_unique() == quarters
        assert rows["local_time"].n_unique() == min(quarters, 96)
        assert town.measure("traffic_hourly", day).filter(sensor_id="d0").height == quarters // 4
        assert town.measure("energy_load_30min", day).filter(meter_class="unknown", direction="delivered").height == quarters // 2
        assert town.measure("energy_daily", day)["hours"].unique().to_list() == [quarters / 4]


def test_a_half_hour_clock_change_leaves_a_short_last_hour(make_town):
    town, day = make_town("island", "Australia/Lord_Howe"), date(2026, 10, 4)
    town.put("refined.traffic_flow", traffic(town.city, day, 1))
    assert town.measure("traffic_15min", day).filter(sensor_id="d0").height == 94
    hours = town.read("traffic_hourly", day) if town.measure("traffic_hourly", day).height else None
    assert hours is not None and hours.filter(sensor_id="d0").height == 24


def test_an_empty_lake_gives_no_partition_and_an_emptied_day_an_empty_one(town):
    for metric in order(registry.metrics()):
        assert measure(town.lake, town.city, metric, [DAY]) == []
    town.put("refined.traffic_flow", traffic(town.city, DAY, 1))
    assert town.measure("traffic_15min", DAY).height > 0
    town.put("refined.traffic_flow", [r | {"interval_s": 7200} for r in traffic(town.city, DAY, 1)])
    assert town.measure("traffic_15min", DAY).height == 0
    assert [f.rows for f in town.lake.files("metrics", "traffic_15min")] == [0]
    assert measure(town.lake, town.city, "traffic_15min", [DAY]) == []


def test_a_day_of_one_feed_gives_no_files_of_the_metrics_of_others(town):
    """Health knows devices of every feed: what only joins it has nothing to say of such a day."""
    fill(town, feeds=("meter_readings",))
    written = {m for m, days in measure_all(town).items() if days}
    assert {"sensor_health_daily", "energy_load_30min", "energy_daily"} <= written
    of_meters = {m for m in written if dependencies(m) & {"refined.meter_readings", "metrics.energy_load_30min"}}
    assert written - of_meters <= {"data_balance"}


def test_dependencies_are_parsed_through_shared_views():
    assert dependencies("energy_daily") == {"metrics.energy_load_30min", "refined.meter_readings", "reference.meters"}
    assert dependencies("data_balance") == {"ledger"}
    names = order(registry.metrics())
    assert sorted(names) == sorted(registry.metrics())
    assert names.index("sensor_health_daily") < names.index("traffic_15min") < names.index("traffic_hourly")


def test_every_threshold_read_has_a_source_and_none_lies_idle():
    from importlib.resources import files

    from assets.alarm_rules import rules
    from assets.dependencies import thresholds_read
    from assets.forensics import LIMITS
    from assets.publishing import gate

    table = pl.read_csv(files("schemas.reference") / "thresholds.csv", schema_overrides={"edition": pl.String})
    assert table.null_count().sum_horizontal().sum() == 0
    read = set().union(*(thresholds_read(m) for m in registry.metrics()), *(r.thresholds for r in rules()))
    assert set(table["name"]) == read | set(LIMITS) | set(gate.LIMITS)


def test_an_unknown_metric_names_those_there_are(town):
    with pytest.raises(CitylakeError, match="traffic_15min"):
        measure(town.lake, town.city, "trafic", [DAY])


def test_rows_keep_the_contract(twins):
    import duckdb

    town = twins[0]
    for name, contract in registry.metrics().items():
        this = town.read(name, *DAYS)
        assert this.schema == pl.Schema(contract.polars_schema("metrics")) or set(this.columns) == set(
            contract.polars_schema("metrics")
        )
        for c in contract.columns:
            values = this[c.name].drop_nulls()
            assert c.nullable or values.len() == this.height, (name, c.name)
            assert not values.len() or c.minimum is None or values.min() >= c.minimum, (name, c.name, values.min())
            assert not values.len() or c.maximum is None or values.max() <= c.maximum, (name, c.name, values.max())
            assert c.allowed is None or set(values) <= set(c.allowed), (name, c.name)
        con = duckdb.connect()
        con.register("this", this.to_arrow())
        for rule in contract.table_rules:
            assert con.sql(rule.broken).fetchall() == [(0,)], (name, rule.name)
