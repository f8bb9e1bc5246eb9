"""The truth of alerts: worked by hand on a few rows, and there for every rule in a simulated day."""

from datetime import UTC, datetime

import polars as pl
import pytest

from assets.alarm_rules import names
from pipelines.simulator import alert_truth
from pipelines.simulator.mishaps import incidents

T0 = 1_780_000_020


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(T0 + seconds, UTC)


def intervals(found: pl.DataFrame) -> list[tuple]:
    return found.select("place_id", "started_at", "ended_at").rows()


def test_a_gap_is_a_silence_from_the_limit_to_the_next_report() -> None:
    # every minute, but for the minutes 3 to 9 of device 0: quiet from 180 s, limit 300 s, the next report ends at 660 s
    times = [i * 60 for i in range(20) if not 3 <= i < 10]
    rows = pl.DataFrame({"at": [T0 + t for t in times], "index": [0] * len(times)}).with_columns(
        interval_s=pl.lit(60), is_refined=pl.lit(True)
    )
    assert intervals(alert_truth.sensor_silent(rows, pl.Series(["A"]), T0 + 1200)) == [("A", at(480), at(660))]
    # the last ones are missing: silent until the day ends, and beyond
    cut = rows.filter(pl.col("at") < T0 + 180)
    assert intervals(alert_truth.sensor_silent(cut, pl.Series(["A"]), T0 + 1200)) == [("A", at(480), None)]
    assert alert_truth.sensor_silent(rows.filter(pl.col("at") >= T0 + 600), pl.Series(["A"]), T0 + 1200).height == 0
    refused = rows.with_columns(is_refined=pl.lit(False))
    assert alert_truth.sensor_silent(refused, pl.Series(["A"]), T0 + 1200).height == 0, "nothing was ever there to be missed"


def test_half_hours_over_the_rating_in_a_row_are_one_overload() -> None:
    meters = pl.DataFrame({"feeder_id": ["F", "F"]})
    rated = pl.DataFrame({"feeder_id": ["F"], "rated_kw": [10.0]})
    # 5.5 kWh in half an hour are 11 kW: in the half hours 1 and 2, and in 4; 5.0 kWh are 10 kW, which is allowed
    half_hours = [2.5, 2.75, 2.75, 2.5, 2.8]
    truth = pl.DataFrame(
        {
            "meter": [m for m in (0, 1) for _ in half_hours],
            "at": [T0 + i * 1800 for _ in (0, 1) for i in range(5)],
            "energy_kwh": half_hours * 2,
        }
    )
    found = intervals(alert_truth.feeder_overload(truth, meters, rated))
    assert found == [("F", at(3600), at(7200)), ("F", at(9000), at(10800))]


def test_a_call_waits_from_its_limit_to_its_first_unit() -> None:
    units = pl.DataFrame(
        {
            "incident_id": ["I1", "I1", "I2", "I3"],
            "priority": ["emergency", "emergency", "routine", "urgent"],
            "received_at": [T0, T0, T0, T0],
            "dispatched_at": [T0 + 400, T0 + 200, T0 + 800, None],
        }
    )
    assert intervals(alert_truth.call_waiting(units)) == [("I1", at(106), at(200)), ("I3", at(300), None)]


@pytest.mark.parametrize("made", ["usual"], indirect=True)
def test_every_rule_has_its_truth_in_a_simulated_city(made) -> None:
    truth = made.truth("alerts")
    assert set(truth["rule"]) <= set(names())
    assert {"call_waiting", "sensor_silent"} <= set(truth["rule"])
    assert (truth["ended_at"] >= truth["started_at"]).all()


def test_an_incident_lies_between_neighbours_that_report_by_the_minute() -> None:
    import numpy as np

    from pipelines.simulator.detectors import lay_out, passing
    from pipelines.simulator.faults import FaultRates
    from tests.simulator.conftest import CITY

    day = 86_400
    start = int(datetime(2026, 5, 4, 22, tzinfo=UTC).timestamp())
    sensors = lay_out(np.random.default_rng(1), 700_000, day, FaultRates.none())
    blocked = incidents(np.random.default_rng(2), CITY, sensors, start, start + day, 0.3)
    assert blocked.height > 5
    up, down = sensors[blocked["upstream"]], sensors[blocked["downstream"]]
    assert (up["road"] == down["road"]).all() and (up["direction"] == down["direction"]).all()
    assert (up["road_km"] <= down["road_km"]).all()
    assert up["interval_s"].max() <= 60 and down["interval_s"].max() <= 60
    free = passing(np.random.default_rng(3), CITY, sensors, start, start + day)
    jam = passing(np.random.default_rng(3), CITY, sensors, start, start + day, blocked)
    for one in blocked.iter_rows(named=True):
        inside = (pl.col("at") >= one["queue_s"]) & (pl.col("at") < one["end_s"])
        before, behind = (
            [f.filter(inside & (pl.col("sensor") == one[k])) for f in (free, jam)] for k in ("upstream", "downstream")
        )
        assert before[1]["said_speed"].mean() < 0.5 * before[0]["said_speed"].mean()
        assert behind[1]["count"].sum() < 0.8 * behind[0]["count"].sum()
