"""Every kind of damage fails its gate with the right severity; good partitions pass; crashes are no verdicts."""

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets import checks
from assets.checks import GateResult, gate, suite
from assets.profile import partitions
from assets.suite import checks as suite_checks
from schemas.contract import Contract, RowRule, TableRule
from schemas.errors import CitylakeError
from schemas.lake import Lake
from schemas.registry import feed, metrics, table_contracts
from tests.good_rows import CITY, DAY, good_rows, put

GATED = [t for t in table_contracts() if not t.startswith("reference.")]


def names(result: GateResult) -> set[str]:
    return {f["check"] for f in result.failed}


def after(lake: Lake, contract: Contract, layer: str, frame: pl.DataFrame) -> GateResult:
    put(lake, contract, layer, frame)
    return gate(lake, CITY, layer, contract.name, DAY)


def first(column: str, value: object) -> pl.Expr:
    """The first row's value, changed."""
    return pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)


@pytest.mark.parametrize("table", GATED)
def test_good_partition_passes(lake: Lake, table: str) -> None:
    layer, _ = table.split(".")
    contract = table_contracts()[table]
    result = after(lake, contract, layer, good_rows(contract, layer))
    assert (result.failed, result.passed, result.severity, result.blocks) == ([], True, None, False)
    assert (result.rows, result.sample, result.crashed) == (20, [], False)
    assert result.seconds > 0


@pytest.mark.parametrize("table", GATED)
def test_every_column_rule_is_held_to(lake: Lake, table: str) -> None:
    layer, _ = table.split(".")
    contract = table_contracts()[table]
    frame, expected = good_rows(contract, layer), set()
    for column in contract.columns:
        if column.allowed:
            frame, rule = frame.with_columns(first(column.name, "never heard of")), "not_allowed"
        elif column.maximum is not None or column.minimum is not None:
            worse = (column.maximum + 1) if column.maximum is not None else (column.minimum - 1)
            kind = pl.Int64 if column.kind == "int" else pl.Float64
            frame, rule = frame.with_columns(first(column.name, worse).cast(kind)), "out_of_range"
        elif column.pattern:
            frame, rule = frame.with_columns(first(column.name, "bell\x07")), "wrong_form"
        elif not column.nullable:
            frame, rule = frame.with_columns(first(column.name, None)), "missing"
        else:
            continue
        expected.add(f"{column.name}.{rule}")
    result = after(lake, contract, layer, frame)
    assert expected
    assert expected <= names(result)
    assert result.blocks
    assert {f["severity"] for f in result.failed if f["check"] in expected} == {"critical"}
    assert not result.crashed


TRAFFIC = {
    "null in key": ([first("sensor_id", None)], "sensor_id.missing", "critical"),
    "out of range": ([first("mean_speed_kmh", 400.0)], "mean_speed_kmh.out_of_range", "critical"),
    "not a number": ([first("mean_speed_kmh", float("nan"))], "mean_speed_kmh.not_finite", "critical"),
    "row rule": ([first("interval_s", 60), first("vehicle_count", 50000)], "possible_flow.broken", "critical"),
    "other day": ([pl.col("observed_at").dt.offset_by("1d")], "event_date.misplaced", "critical"),
    "before time": ([pl.col("observed_at").dt.offset_by("-60y")], "observed_at.implausible_time", "critical"),
    "some late": (
        [pl.when(pl.int_range(pl.len()) < 4).then(pl.col("_received_at").dt.offset_by("3d")).otherwise("_received_at")],
        "late_share",
        "warning",
    ),
}


@pytest.mark.parametrize("layer", ["raw", "refined"])
@pytest.mark.parametrize("damage", TRAFFIC)
def test_damage(lake: Lake, layer: str, damage: str) -> None:
    change, check, severity = TRAFFIC[damage]
    result = after(lake, feed("traffic_flow"), layer, good_rows(feed("traffic_flow"), layer).with_columns(change))
    failed = next(f for f in result.failed if f["check"] == check)
    assert failed["severity"] == severity
    assert failed["error"] is None
    assert failed["expected"]
    assert not result.passed
    assert result.blocks == (severity == "critical")
    assert check in {row["check"] for row in result.sample}
    assert 0 < len(result.sample) <= 10
    json.dumps([result.failed, result.sample, result.profile], allow_nan=False)


def test_rows_at_fault_are_the_rows_at_fault(lake: Lake) -> None:
    frame = good_rows(feed("traffic_flow"), "refined").with_columns(first("mean_speed_kmh", 400.0))
    result = after(lake, feed("traffic_flow"), "refined", frame)
    assert names(result) == {"mean_speed_kmh.out_of_range"}
    assert [r["sensor_id"] for r in result.sample] == ["sensor_id-0"]
    assert result.failed[0]["found"] == 1
    assert result.profile["mean_speed_kmh"]["max"] == 400.0


def test_repeats_are_allowed_until_refined(lake: Lake) -> None:
    contract = feed("traffic_flow")
    for layer, expected in (("raw", set()), ("refined", {"key.repeated"})):
        frame = good_rows(contract, layer)
        result = after(lake, contract, layer, pl.concat([frame, frame.head(2)]))
        assert names(result) == expected
        assert result.blocks == bool(expected)
    assert result.failed[0]["found"] == 2
    assert [r["sensor_id"] for r in result.sample] == ["sensor_id-0"] * 2 + ["sensor_id-1"] * 2


def test_raw_row_from_the_future(lake: Lake) -> None:
    frame = good_rows(feed("traffic_flow"), "raw").with_columns(pl.col("_received_at").dt.offset_by("-2h"))
    assert names(after(lake, feed("traffic_flow"), "raw", frame)) == {"observed_at.from_future"}


def test_history_landed_at_once_is_not_late(lake: Lake) -> None:
    frame = good_rows(feed("traffic_flow"), "raw").with_columns(pl.col("_received_at").dt.offset_by("90d"))
    assert after(lake, feed("traffic_flow"), "raw", frame).passed


def test_critical_table_rule_shows_its_rows(lake: Lake) -> None:
    contract = metrics()["traffic_15min"]
    assert contract.table_rules[0].severity == "critical"
    frame = good_rows(contract, "metrics").with_columns(first("space_mean_speed_kmh", 120.0), first("time_mean_speed_kmh", 60.0))
    result = after(lake, contract, "metrics", frame)
    assert names(result) == {f"{contract.table_rules[0].name}.broken"}
    assert result.blocks
    assert [r["sensor_id"] for r in result.sample] == ["sensor_id-0"]


def having(monkeypatch: pytest.MonkeyPatch, contract: Contract) -> Contract:
    """Let the gate know a contract that is in no file."""
    monkeypatch.setattr(checks, "table_contracts", lambda: {f"refined.{contract.name}": contract})
    return contract


def test_warning_table_rule_does_not_block(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = TableRule("enough", "SELECT greatest(100 - count(*), 0) FROM this", "a hundred rows")
    contract = having(monkeypatch, replace(feed("traffic_flow"), table_rules=(rule,)))
    result = after(lake, contract, "refined", good_rows(contract, "refined"))
    assert (names(result), result.severity, result.passed, result.blocks) == ({"enough.broken"}, "warning", False, False)
    assert (result.failed[0]["found"], result.sample) == (80, [])


@pytest.mark.parametrize("kind", ["row", "table"])
def test_crash_is_told_apart_from_failure(lake: Lake, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    rules = {
        "row": {"row_rules": (RowRule("odd", "no_such_column > 1", "it cannot be asked"),)},
        "table": {"table_rules": (TableRule("odd", "SELECT count(*) FROM no_such_table", "it cannot be asked"),)},
    }
    contract = having(monkeypatch, replace(feed("traffic_flow"), **rules[kind]))
    frame = good_rows(contract, "refined").with_columns(first("mean_speed_kmh", 400.0))
    result = after(lake, contract, "refined", frame)
    told = {f["check"]: f for f in result.failed}
    assert set(told) == {"odd.broken", "mean_speed_kmh.out_of_range"}
    assert "no_such_" in told["odd.broken"]["error"]
    assert told["mean_speed_kmh.out_of_range"]["error"] is None
    assert result.crashed
    assert result.blocks


def test_lost_file_is_a_crash(lake: Lake) -> None:
    contract = feed("traffic_flow")
    put(lake, contract, "refined", good_rows(contract, "refined"))
    Path(lake.files("refined", contract.name)[0].uri).write_bytes(b"PAR1 no more")
    result = gate(lake, CITY, "refined", contract.name, DAY)
    assert (result.crashed, result.blocks, names(result)) == (True, True, {"readable"})


def test_no_rows_is_a_warning(lake: Lake) -> None:
    result = gate(lake, CITY, "raw", "traffic_flow", DAY)
    assert (names(result), result.severity, result.blocks, result.rows) == ({"rows"}, "warning", False, 0)
    put(lake, feed("traffic_flow"), "raw", good_rows(feed("traffic_flow"), "raw").clear())
    assert names(gate(lake, CITY, "raw", "traffic_flow", DAY)) == {"rows"}


def test_column_that_goes_silent_is_a_warning(lake: Lake) -> None:
    contract = feed("traffic_flow")
    mute = good_rows(contract, "raw").with_columns(pl.lit(None, pl.Float64).alias("mean_speed_kmh"))
    assert after(lake, contract, "raw", mute).passed, "nothing is known of the day before"
    put(lake, contract, "raw", good_rows(contract, "raw", DAY - timedelta(days=1)), DAY - timedelta(days=1))
    result = gate(lake, CITY, "raw", contract.name, DAY)
    assert (names(result), result.severity) == ({"mean_speed_kmh.silent"}, "warning")


def test_other_type_or_absent_column_is_critical(lake: Lake) -> None:
    contract = feed("traffic_flow")
    frame = good_rows(contract, "raw").with_columns(pl.lit("fast").alias("mean_speed_kmh")).drop("interval_s", "observed_share")
    result = after(lake, contract, "raw", frame)
    schema = next(f for f in result.failed if f["check"] == "schema")
    assert schema["severity"] == "critical"
    assert schema["found"] == "interval_s: absent, mean_speed_kmh: VARCHAR for DOUBLE"
    assert not result.crashed


def test_days_with_23_and_25_hours_hold_their_own(lake: Lake) -> None:
    contract = feed("traffic_flow")
    misplaced = next(c for c in suite_checks(contract, "refined") if c.code == "misplaced")
    for day in (date(2025, 3, 30), date(2025, 10, 26)):
        start, end = CITY.day_start(day), CITY.day_start(day + timedelta(days=1))
        for at, fits in ((start, True), (end - timedelta(seconds=1), True), (end, False), (start - timedelta(seconds=1), False)):
            moved = pl.lit(at).dt.convert_time_zone("UTC").dt.cast_time_unit("us")
            frame = good_rows(contract, "refined", day, 1).with_columns(moved.alias("observed_at"), moved.alias("_received_at"))
            put(lake, contract, "refined", frame, day, stem=f"{at:%d%H%M%S}{fits}")
            with partitions(lake, CITY, contract, "refined", [day]) as opened:
                opened.show([day])
                values, _ = opened.measure({misplaced.name: misplaced.measure}, [day])
            assert (values[day][misplaced.name] == 0) == fits


def test_same_partition_gives_the_same_result(lake: Lake) -> None:
    contract = feed("meter_readings")
    frame = good_rows(contract, "refined", rows=3000).with_columns(pl.lit("guess").alias("quality"))
    put(lake, contract, "refined", frame)
    one = gate(lake, CITY, "refined", contract.name, DAY)
    put(lake, contract, "refined", frame.reverse(), stem="b")
    two = gate(lake, CITY, "refined", contract.name, DAY)
    assert (one.failed, one.sample, one.rows) == (two.failed, two.sample, two.rows)
    assert len(one.sample) == 10


@pytest.mark.parametrize("table", ["raw.nothing", "reference.sensors"])
def test_table_without_gate_is_named(lake: Lake, table: str) -> None:
    with pytest.raises(CitylakeError, match="no contract describes"):
        gate(lake, CITY, *table.split("."), DAY)


def test_suite_reads_as_the_contract() -> None:
    contract = feed("meter_readings")
    said = {(c["meta"]["batch"], c["meta"]["check"]): c for c in suite(contract, "refined")}
    assert said["sample", "quality.not_allowed"]["kwargs"]["value_set"] == list(contract["quality"].allowed or ())
    assert said["sample", "energy_kwh.out_of_range"]["kwargs"]["max_value"] == 1e6
    assert said["profile", "key.repeated"]["severity"] == "critical"
    assert said["profile", "late_share"]["severity"] == "warning"
    assert ("profile", "key.repeated") not in {(c["meta"]["batch"], c["meta"]["check"]) for c in suite(contract, "raw")}
    json.dumps(list(said.values()))
