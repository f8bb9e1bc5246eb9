"""How alerts are matched with the truth, worked by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.alert_accuracy import COOL_S, WARM_UP_S, judge
from benchmarks.alert_day import Day

FIRST = datetime(2026, 5, 5, 6, tzinfo=UTC)
LAST = FIRST + timedelta(hours=4)


def at(minutes: float) -> datetime:
    return FIRST + timedelta(minutes=minutes)


def alert(number: int, rule: str, place: str, opened: float, closed: float | None) -> list[dict]:
    base = {"alert_id": str(number), "rule": rule, "place_id": place, "started_at": at(opened), "raised_at": at(opened)}
    rows = [base | {"state": "opened", "closed_at": None}]
    return rows + ([base | {"state": "closed", "closed_at": at(closed)}] if closed is not None else [])


def test_precision_recall_and_delay() -> None:
    assert (WARM_UP_S, COOL_S) == (1800, 900)
    rows = [
        *alert(1, "call_waiting", "I1", 61, 70),  # right: its truth began a minute before
        *alert(2, "call_waiting", "I2", 80, 90),  # nobody waited there
        *alert(3, "call_waiting", "I3", 10, 20),  # before anything is judged
        *alert(4, "incident_suspected", "B", 100, 130),  # at the neighbour of A
        *alert(5, "incident_suspected", "C", 100, None),  # too far away
        *alert(6, "sensor_silent", "S9", 60, 90),  # a device whose rows are refused
    ]
    alerts = pl.DataFrame(rows, schema_overrides={"closed_at": pl.Datetime("us", "UTC")})
    truth = pl.DataFrame(
        [
            ("call_waiting", "I1", at(60), at(65)),
            ("call_waiting", "I4", at(100), None),  # missed
            ("call_waiting", "I5", at(100), at(100.4)),  # shorter than a step
            ("call_waiting", "I6", at(230), None),  # began too late
            ("incident_suspected", "A", at(95), at(120)),
        ],
        schema=["rule", "place_id", "started_at", "ended_at"],
        orient="row",
    )
    near = pl.DataFrame({"place_id": ["A", "B"], "neighbour": ["B", "A"]})
    found = {r["rule"]: r for r in judge(alerts, truth, Day(Path("x"), {}, truth, near, ["S9"]), FIRST, LAST)}
    calls, incidents, silent = (found[r] for r in ("call_waiting", "incident_suspected", "sensor_silent"))
    assert (calls["alerts"], calls["precision"], calls["truths"], calls["recall"], calls["delay_p50_s"]) == (2, 0.5, 2, 0.5, 60)
    assert (incidents["alerts"], incidents["precision"], incidents["recall"], incidents["delay_p50_s"]) == (2, 0.5, 1.0, 300)
    assert (silent["alerts"], silent["precision"], silent["recall"]) == (0, None, None)
