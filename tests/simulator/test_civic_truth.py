"""The truth of lamps, cameras and requests, worked by hand on a few rows."""

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from pipelines.simulator import alert_truth, camera_truth, crash_truth, lighting_truth, services_truth, sky

T0 = int(datetime(2026, 5, 4, 22, tzinfo=UTC).timestamp())
"""Midnight in Berlin; the sun passes six degrees under the horizon a little before five, and after nine in the evening."""
DAY = 86_400
CAMERAS = pl.DataFrame(
    {"camera_id": ["A", "B"], "area_m2": [100.0, 50.0], "crowd": ["walking", "standing"], "district": ["East", "West"]}
).with_columns(lat=pl.Series([52.5, 52.55]), lon=pl.lit(13.4))


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(T0 + seconds, UTC)


def intervals(found: pl.DataFrame) -> list[tuple]:
    return found.select("place_id", "started_at", "ended_at").rows()


def seen(*rows: tuple) -> pl.DataFrame:
    """Rows of camera, kind, seconds, people and crash."""
    told = pl.DataFrame(
        rows,
        schema={"camera": pl.Int64, "kind": pl.String, "at": pl.Int64, "people_count": pl.Int64, "crash": pl.String},
        orient="row",
    )
    return told.with_columns(
        captured_at=T0 + pl.col("at"), latency_s=pl.lit(5), confidence=pl.lit(0.9), is_destroyed=pl.lit(False),
        camera_id=CAMERAS["camera_id"].gather(told["camera"]), event_id=pl.int_range(pl.len()).cast(pl.String),
    )  # fmt: skip


def test_events_before_a_camera_that_follow_soon_are_one_alert() -> None:
    # news for 300 s after receipt, and 300 s more belong to it: the one at 605 s does, the one at 1300 s does not
    told = seen(*((0, "intrusion", s, None, None) for s in (0, 605, 1300)), (1, "intrusion", 100, None, None))
    found = alert_truth.of_cameras(told, CAMERAS)
    assert found["rule"].unique().to_list() == ["intrusion"]
    assert intervals(found) == [("A", at(0), at(910)), ("A", at(1300), at(1605)), ("B", at(100), at(405))]


def test_two_dense_counts_in_a_row_are_a_dangerous_crowd() -> None:
    # five and more to the square metre: of 100 m2 that is 500
    people = [100, 500, 499, 600, 700, 800, 100]
    told = seen(*((0, "crowd_count", 300 * i, n, None) for i, n in enumerate(people)))
    assert intervals(alert_truth.of_cameras(told, CAMERAS)) == [("A", at(1200), at(1800))]


def lamp(*rows: tuple[int, bool, str]) -> pl.DataFrame:
    """A lamp of 100 W: when, whether it burns, what it says; until midnight."""
    told = pl.DataFrame(rows, schema=["at", "is_burning", "status"], orient="row").with_columns(pl.col("at") + T0)
    until = pl.col("at").shift(-1).fill_null(T0 + DAY)
    return told.with_columns(
        lamp=pl.lit(0, pl.Int64), told_s=until - pl.col("at"), power_w=pl.when("is_burning").then(100.0).otherwise(0.0),
        is_destroyed=pl.lit(False),
    )  # fmt: skip


LAMPS = pl.DataFrame({"lamp_id": ["L1"], "rated_w": [100.0], "district": ["East"], "lat": [52.5], "lon": [13.4]})
HOUR = 3600


def test_a_lamp_that_goes_out_at_two_in_the_morning_is_out_until_dawn() -> None:
    states = lamp((0, True, "ok"), (2 * HOUR, False, "defective_lamp"), (12 * HOUR, False, "ok"), (21 * HOUR, True, "ok"))
    (_, dawn), (dusk, end) = sky.below(sky.DARK_DEG, T0, T0 + DAY, 52.5, 13.4)
    found = lighting_truth.by_lamp(states, LAMPS, T0, T0 + DAY).row(0, named=True)
    assert end == T0 + DAY
    assert found["burn_h"] == 2 + 3
    assert found["outage_h"] == pytest.approx((dawn - T0) / HOUR - 2)
    assert found["should_burn_h"] == pytest.approx((dawn - T0 + end - dusk) / HOUR)
    assert found["availability_share"] == pytest.approx(1 - found["outage_h"] / found["should_burn_h"])
    assert found["energy_kwh"] == pytest.approx(0.5)
    assert (found["lamps_out"], found["day_burners"], found["dark_switches"], found["said_s"]) == (1, 0, 1, T0 + 2 * HOUR)
    dark = sky.below(sky.DARK_DEG, T0, T0 + DAY, 52.5, 13.4)
    raised = alert_truth.lamp_outage(states, LAMPS, dark)
    assert intervals(raised) == [("L1", at(2 * HOUR + 600), datetime.fromtimestamp(int(dawn), UTC))]


def test_a_crash_beside_a_lamp_that_is_out_counts_by_night_alone() -> None:
    states = lamp((0, True, "ok"), (HOUR, False, "ok"), (20 * HOUR, True, "ok"))
    daily = lighting_truth.by_lamp(states, LAMPS, T0, T0 + DAY)
    # beside the lamp before it went out, when it was out, by day; far away by night
    crashes = pl.DataFrame(
        {"at": [T0 + s for s in (1800, 2 * HOUR, 12 * HOUR, 3 * HOUR)], "lat": [52.5002, 52.5002, 52.5002, 52.51]}
    ).with_columns(lon=pl.lit(13.4), district=pl.lit("East"), is_destroyed=pl.lit(False))
    found = lighting_truth.crashes_in_the_dark(crashes, states, daily, LAMPS, T0, T0 + DAY).row(0, named=True)
    wanted = {"crashes_dark": 3, "crashes_near_lamp": 2, "crashes_near_outage": 1, "lit_pairs": 1, "outage_pairs": 1}
    assert {k: found[k] for k in wanted} == wanted
    assert found["outage_crash_rate"] == pytest.approx(1000 / found["outage_lamp_h"])


def test_an_alert_is_followed_by_the_call_about_its_crash_and_another_near_by_makes_it_doubtful() -> None:
    told = seen((0, "person_down", 0, None, "C1"), (1, "intrusion", 50, None, None), (0, "wrong_way", 5000, None, "C2"))
    units = pl.DataFrame(
        {
            "incident_id": ["I1", "I2", "I3"],
            "crash_id": ["C1", "C2", None],
            "received_at": [T0 + 100, T0 + 5060, T0 + 5100],
            "dispatched_at": [T0 + 160, T0 + 5120, T0 + 5200],
            "on_scene_at": [T0 + 400, None, T0 + 5500],
        }
    ).with_columns(lat=pl.lit(52.5001), lon=pl.lit(13.4))
    chains = camera_truth.chains(told, CAMERAS, units, set())
    assert chains.select("capture_to_call_s", "capture_to_scene_s", "damaged_n").rows() == [
        (100, 400, 0),
        (None, None, 0),
        (60, None, 1),
    ]
    alerts = camera_truth.alerts(chains).sort("kind")
    assert alerts.select("kind", "call_n", "received_to_dispatched_sum_s").rows() == [
        ("intrusion", 0, None), ("person_down", 1, 155.0), ("wrong_way", 1, 115.0),
    ]  # fmt: skip
    assert camera_truth.chains(told, CAMERAS, units, {"I1"})["damaged_n"].to_list() == [1, 0, 1]


def test_a_crowd_has_the_level_that_its_space_gives() -> None:
    told = seen((0, "crowd_count", 0, 0, None), (0, "crowd_count", 300, 50, None), (0, "crowd_count", 600, 1000, None))
    found = camera_truth.crowds(told, CAMERAS, T0).row(0, named=True)
    # of 100 m2: nobody is level A; two square metres each level C; a tenth of one level F
    levels = {x: found[f"level_{x}_s"] for x in "abcdef"}
    assert levels == {"a": 300.0, "b": 0.0, "c": 300.0, "d": 0.0, "e": 0.0, "f": 300.0}
    assert (found["person_s"], found["people_max"], found["density_per_m2"]) == (315_000, 1000, 3.5)


def test_requests_are_open_until_they_are_closed_and_promises_pass() -> None:
    # waste is promised in 48 hours: closed within them; never closed; closed, opened again and closed
    rows = [(0, 100, "open"), (0, 20 * HOUR, "closed"), (1, 200, "open")]
    rows += [(2, 300, "open"), (2, 10 * HOUR, "closed"), (2, 30 * HOUR, "open"), (2, 71 * HOUR, "closed")]
    versions = pl.DataFrame(rows, schema=["request", "updated_at", "status"], orient="row").with_columns(
        pl.col("updated_at") + T0, requested_at=(pl.col("updated_at") + T0).first().over("request"), service=pl.lit(6),
        district=pl.lit("East"), is_destroyed=pl.lit(False),
    )  # fmt: skip
    days = [(date(2026, 5, 5 + i), T0 + i * DAY, T0 + (i + 1) * DAY) for i in range(3)]
    found = services_truth.requests(versions, days)
    columns = ("opened", "closed", "reopened", "backlog", "overdue", "sla_met_n", "sla_missed_n", "first_response_n")
    assert found.select(columns).rows() == [(3, 2, 0, 1, 0, 2, 0, 2), (0, 0, 1, 2, 0, 0, 0, 0), (0, 1, 0, 1, 1, 0, 2, 0)]
    assert found["backlog_age_sum_h"][0] == pytest.approx(24 - 200 / HOUR)


def test_crashes_without_a_severity_have_no_injury() -> None:
    crashes = pl.DataFrame(
        {"severity": ["K", "A", "U", "O"], "killed": [1, 0, 0, 0], "injured": [0, 2, 0, 0], "district": ["East"] * 4}
    ).with_columns(event_date=pl.lit(date(2026, 5, 5)), is_destroyed=pl.lit(False))
    found = crash_truth.severities(crashes).row(0, named=True)
    assert (found["event_date"], found["n"], found["no_injury_crashes"], found["ksi_crashes"]) == (date(2026, 5, 1), 4, 2, 2)
    limit = alert_truth.limits()
    assert found["epdo"] == limit["crash_epdo_weight_k"] + limit["crash_epdo_weight_a"] + 2 * limit["crash_epdo_weight_o"]
    assert np.isclose(found["ksi_share"], 0.5)
