"""Days gated together are told what each is told alone, whatever is wrong with which of them."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import checks
from assets.checks import GateResult, gate, gates
from assets.suite import condition_counted
from schemas.contract import RowRule, TableRule
from schemas.lake import Lake
from schemas.registry import feed, metrics, table_contracts
from tests.good_rows import CITY, DAY, good_rows, put

DAYS = [DAY + timedelta(days=n) for n in range(5)]
CLOCKS_CHANGE = [date(2025, 3, 29), date(2025, 3, 30), date(2025, 3, 31)]


def told(result: GateResult) -> dict[str, Any]:
    """All of a result but its time."""
    return {k: v for k, v in vars(result).items() if k != "seconds"}


def first(column: str, value: object) -> pl.Expr:
    """The first row's value, changed."""
    return pl.when(pl.int_range(pl.len()) == 0).then(pl.lit(value)).otherwise(pl.col(column)).alias(column)


def fill(lake: Lake, table: str, days: list[date], changes: dict[date, list[pl.Expr]] | None = None) -> tuple[str, str]:
    layer, name = table.split(".")
    contract = table_contracts()[table]
    for day in days:
        put(lake, contract, layer, good_rows(contract, layer, day).with_columns((changes or {}).get(day, [])), day)
    return layer, name


@pytest.mark.parametrize("days", [DAYS, CLOCKS_CHANGE])
def test_only_the_day_at_fault_fails(lake: Lake, days: list[date]) -> None:
    table = fill(lake, "refined.traffic_flow", days, {days[1]: [first("mean_speed_kmh", 400.0)]})
    results = gates(lake, CITY, *table, days)
    assert [r.day for r in results] == days
    assert [r.passed for r in results] == [d != days[1] for d in days]
    assert [f["check"] for f in results[1].failed] == ["mean_speed_kmh.out_of_range"]
    assert (results[1].failed[0]["found"], results[1].blocks) == (1, True)
    assert [r["sensor_id"] for r in results[1].sample] == ["sensor_id-0"]


def test_results_come_in_the_order_asked_for(lake: Lake) -> None:
    table = fill(lake, "raw.traffic_flow", DAYS[:2])
    asked = [DAYS[1], DAYS[4], DAYS[0], DAYS[1]]
    assert [(r.day, r.rows) for r in gates(lake, CITY, *table, asked)] == list(zip(asked, [20, 0, 20, 20], strict=True))
    assert gates(lake, CITY, *table, []) == []


def test_progress_is_told_by_batches_that_bound_the_rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    table = fill(lake, "raw.traffic_flow", DAYS)
    whole = [told(r) for r in gates(lake, CITY, *table, DAYS)]
    for name, value, expected in (("ROWS_AT_ONCE", 45, [2, 2, 1]), ("DAYS_AT_ONCE", 3, [3, 2]), ("ROWS_AT_ONCE", 1, [1] * 5)):
        with monkeypatch.context() as patch:
            patch.setattr(checks, name, value)
            steps: list[int] = []
            assert [told(r) for r in gates(lake, CITY, *table, DAYS, steps.append)] == whole
        assert steps == expected


DAMAGE = ("none", "null", "late", "other day", "repeated", "silent", "other type", "absent column", "no rows", "lost file")


def damaged(lake: Lake, table: str, day: date, damage: str) -> None:
    layer, name = table.split(".")
    contract = table_contracts()[table]
    frame = good_rows(contract, layer, day)
    texts = [c.name for c in contract.columns if c.kind == "string" and not c.nullable]
    numbers = [c.name for c in contract.columns if c.kind == "float"]
    mute = [c for c in contract.columns if c.nullable and c.kind != "string"]
    if damage == "null":
        frame = frame.with_columns(first(texts[0], None))
    elif damage == "late" and "_received_at" in frame.columns:
        late = pl.col("_received_at").dt.offset_by("3d")
        frame = frame.with_columns(pl.when(pl.int_range(pl.len()) < 4).then(late).otherwise("_received_at").alias("_received_at"))
    elif damage == "other day" and contract.event_time:
        frame = frame.with_columns(pl.col(contract.event_time).dt.offset_by("1d"))
    elif damage == "repeated":
        frame = pl.concat([frame, frame.head(2)])
    elif damage == "silent":
        frame = frame.with_columns(pl.lit(None, c.dtype).alias(c.name) for c in mute)
    elif damage == "other type":
        frame = frame.with_columns(pl.lit("much").alias(n) for n in numbers[:1])
    elif damage == "absent column":
        frame = frame.drop(texts[0])
    elif damage == "no rows":
        frame = frame.clear()
    put(lake, contract, layer, frame, day)
    if damage == "lost file":
        Path(lake.files(layer, name, [day])[0].uri).write_bytes(b"PAR1 no more")


@settings(max_examples=8)
@given(
    st.sampled_from(["raw.traffic_flow", "refined.meter_readings", "refined.emergency_calls", "metrics.traffic_15min"]),
    st.lists(st.sampled_from(DAMAGE), min_size=2, max_size=5),
)
def test_together_as_alone(tmp_path_factory: pytest.TempPathFactory, table: str, damages: list[str]) -> None:
    lake = Lake(tmp_path_factory.mktemp("many"))
    days = DAYS[: len(damages)]
    for day, damage in zip(days, damages, strict=True):
        damaged(lake, table, day, damage)
    together = gates(lake, CITY, *table.split("."), days)
    alone = [gate(lake, CITY, *table.split("."), day) for day in days]
    assert [told(r) for r in together] == [told(r) for r in alone]


def test_lost_file_crashes_its_day_alone(lake: Lake) -> None:
    table = fill(lake, "refined.traffic_flow", DAYS)
    Path(lake.files(*table, [DAYS[3]])[0].uri).write_bytes(b"PAR1 no more")
    results = gates(lake, CITY, *table, DAYS)
    assert [r.crashed for r in results] == [r.blocks for r in results] == [d == DAYS[3] for d in DAYS]
    assert [f["check"] for f in results[3].failed] == ["readable"]


@pytest.mark.parametrize("kind", ["row", "table"])
def test_rule_that_fails_on_the_rows_of_one_day_crashes_that_day_alone(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    word = "CAST(replace(sensor_id, 'sensor_id-', '') AS INTEGER)"
    rules: dict[str, Any] = {
        "row": {"row_rules": (RowRule("numbered", f"{word} >= 0", "sensors have numbers"),)},
        "table": {"table_rules": (TableRule("numbered", f"SELECT greatest(-min({word}), 0) FROM this", "sensors have numbers"),)},
    }
    contract = replace(feed("traffic_flow"), **rules[kind])
    monkeypatch.setattr(checks, "table_contracts", lambda: {"refined.traffic_flow": contract})
    for day in DAYS:
        frame = good_rows(contract, "refined", day).with_columns(first("sensor_id", "none") if day == DAYS[2] else [])
        put(lake, contract, "refined", frame, day)
    results = gates(lake, CITY, "refined", "traffic_flow", DAYS)
    assert [r.crashed for r in results] == [not r.passed for r in results] == [d == DAYS[2] for d in DAYS]
    assert [f["check"] for f in results[2].failed] == ["numbered.broken"]
    assert "none" in results[2].failed[0]["error"]


def test_rule_that_no_row_can_answer_crashes_every_day(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = replace(feed("traffic_flow"), row_rules=(RowRule("odd", "no_such_column > 1", "it cannot be asked"),))
    monkeypatch.setattr(checks, "table_contracts", lambda: {"raw.traffic_flow": contract})
    fill(lake, "raw.traffic_flow", DAYS[:3], {DAYS[1]: [first("mean_speed_kmh", 400.0)]})
    results = gates(lake, CITY, "raw", "traffic_flow", DAYS[:3])
    assert [sorted(f["check"] for f in r.failed) for r in results] == [
        ["odd.broken"], ["mean_speed_kmh.out_of_range", "odd.broken"], ["odd.broken"],
    ]  # fmt: skip
    assert all(r.crashed for r in results)


def test_rule_that_several_days_keep_together_is_asked_of_each(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = TableRule("enough", "SELECT greatest(30 - count(*), 0) FROM this", "thirty rows")
    contract = replace(feed("traffic_flow"), table_rules=(rule,))
    monkeypatch.setattr(checks, "table_contracts", lambda: {"refined.traffic_flow": contract})
    fill(lake, "refined.traffic_flow", DAYS[:2])
    assert [r.failed[0]["found"] for r in gates(lake, CITY, "refined", "traffic_flow", DAYS[:2])] == [10, 10]


def test_rules_that_count_rows_are_counted_in_the_one_pass() -> None:
    rules = [r for m in metrics().values() for r in m.table_rules]
    assert rules
    assert all(condition_counted(r.broken) for r in rules)
    for other in (
        "SELECT sum(x) FROM this WHERE x > 1", "SELECT count(*) FROM that WHERE x > 1", "SELECT count(*) FROM this",
        "SELECT count(*) FROM this WHERE x > (SELECT avg(x) FROM this)", "SELECT count(*) FROM this WHERE x > 1 GROUP BY y",
        "SELECT count(*) FROM this, that WHERE x > 1", "SELECT count(DISTINCT x) FROM this WHERE y",
        "SELECT count(*) FROM this WHERE x IN (SELECT y FROM that)", "SELECT count(*) FROM this WHERE x > 1 LIMIT 0",
        "SELEC 1 FRM",
        "WITH this AS (SELECT 1 AS x) SELECT count(*) FROM this WHERE x > 1",
        "SELECT count(*) FROM this WHERE EXISTS (FROM that)",
    ):  # fmt: skip
        assert condition_counted(other) is None, other


def test_fault_that_only_the_library_sees_is_told_of_its_day(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    table = fill(lake, "refined.traffic_flow", DAYS, {DAYS[3]: [first("sensor_id", "odd one")]})
    seen = {"column": "sensor_id", "regex": "^sensor_id-"}
    meta = {"check": "mean_speed_kmh.out_of_range"}
    extra = [{"type": "expect_column_values_to_match_regex", "kwargs": seen, "severity": "critical", "meta": meta}]
    monkeypatch.setattr(checks, "sample_suite", lambda *_: extra)
    results = gates(lake, CITY, *table, DAYS)
    assert [[(f["check"], f["found"]) for f in r.failed] for r in results] == [
        [("mean_speed_kmh.out_of_range", 1)] if d == DAYS[3] else [] for d in DAYS
    ]
