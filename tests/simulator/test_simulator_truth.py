"""The truth agrees with the files, read line by line by other code."""

import polars as pl
import pytest

from schemas.registry import feeds
from tests.simulator.reader_of_files import seen

SOURCES = {
    "traffic_flow": ("traffic_flow",),
    "meter_readings": ("meter_readings",),
    "emergency_calls": ("dispatch", "outer"),
}
"""What the reader of files can read; the standards' formats are read by the lake alone, in test_simulator_whole_way."""

SPACE = {"traffic_flow": "sensor_id", "meter_readings": "meter_id", "emergency_calls": "incident_id"}


def _seen(made, feed):
    factors, offsets = {}, {}
    if feed == "traffic_flow":
        for r in made.reference("sensors").iter_rows(named=True):
            factors[r["sensor_id"]] = {"mean_speed_kmh": r["speed_factor"], "occupancy_share": r["occupancy_factor"]}
            offsets[r["sensor_id"]] = r["clock_offset_s"]
    if feed == "meter_readings":
        for r in made.reference("meters").iter_rows(named=True):
            factors[r["meter_id"]] = {"energy_kwh": r["energy_factor"]}
            offsets[r["meter_id"]] = r["clock_offset_s"]
    return seen(made.simulated.folder, feed, "Europe/Berlin", factors, offsets)


@pytest.mark.parametrize("feed", SPACE)
def test_keys_and_books_are_what_a_plain_reader_finds(made, feed):
    found, key = _seen(made, feed), list(feeds()[feed].key)
    told = made.keys(feed, SOURCES[feed])
    assert told.select(key).is_duplicated().sum() == 0
    assert found.books == {"repeated": 0, "superseded": 0, "rejected": 0} | made.books(SOURCES[feed])
    assert set(found.last) == set(told.filter("is_refined").select(key).iter_rows())
    assert not told.filter(~pl.col("is_refined") & ~pl.col("is_destroyed")).height
    assert told.filter("is_destroyed")["fault"].null_count() == 0


def test_hourly_traffic_is_the_sum_of_what_was_sent_where_nothing_was_destroyed(made):
    rows = [r for r in _seen(made, "traffic_flow").last.values() if r["interval_s"] <= 3600]
    hourly = (
        pl.DataFrame(rows)
        .group_by("sensor_id", bin_at=pl.col("observed_at").dt.truncate("1h"))
        .agg(
            sent_volume=pl.col("vehicle_count").sum(),
            sent_speed=pl.col("vehicle_count").sum() / (pl.col("vehicle_count") / pl.col("mean_speed_kmh")).sum(),
            sent_occupied=(pl.col("occupancy_share") * pl.col("interval_s")).sum(),
        )
    )
    intact = made.truth("traffic_hourly").filter(pl.col("damaged_n") == 0, pl.col("sensor_id").str.starts_with("D"))
    assert intact.height > 100
    both = intact.join(hourly, on=["sensor_id", "bin_at"], how="left")
    assert (both["volume_veh"] == both["sent_volume"]).all()
    assert ((both["occupied_s"] - both["sent_occupied"]).abs() < 1e-6).all()
    moving = both.filter(pl.col("volume_veh") > 0)
    assert ((moving["space_mean_speed_kmh"] - moving["sent_speed"]).abs() < 1e-9).all()
    assert (moving["space_mean_speed_kmh"] <= moving["time_mean_speed_kmh"] + 1e-9).all()


def test_energy_is_the_sum_of_what_was_sent_where_nothing_was_destroyed(made):
    rows = pl.DataFrame(list(_seen(made, "meter_readings").last.values()))
    meters = made.reference("meters").select("meter_id", "meter_class", "district")
    cell = ["meter_class", "district", "bin_at"]
    halves = (
        rows.with_columns(bin_at=pl.col("ended_at").dt.offset_by("-30m"))
        .join(meters, on="meter_id")
        .group_by(cell)
        .agg(sent=pl.col("energy_kwh").sum(), guessed=pl.col("energy_kwh").filter(pl.col("quality") != "valid").sum())
    )
    intact = made.truth("energy_load_30min").filter(pl.col("damaged_n") == 0).join(halves, on=cell, how="left")
    assert intact.height > 50
    assert ((intact["energy_kwh"] - intact["sent"]).abs() < 1e-9).all()
    assert ((intact["estimated_kwh"] - intact["guessed"]).abs() < 1e-9).all()


def test_response_times_are_those_of_the_first_unit(made):
    first: dict = {}
    for row in _seen(made, "emergency_calls").last.values():
        best = first.get(row["incident_id"])
        if row["on_scene_at"] and (best is None or row["on_scene_at"] < best["on_scene_at"]):
            first[row["incident_id"]] = row
    cell = ["event_date", "district", "priority"]
    sent = (
        pl.DataFrame(list(first.values()))
        .with_columns(event_date=pl.col("received_at").dt.convert_time_zone("Europe/Berlin").dt.date())
        .group_by(cell)
        .agg(sent=(pl.col("on_scene_at") - pl.col("received_at")).dt.total_seconds().sum())
    )
    intact = made.truth("response_times_daily").filter(pl.col("damaged_n") == 0).join(sent, on=cell, how="left")
    assert intact.filter(pl.col("total_n") > 0).height > 3
    assert (intact["total_sum_s"] == intact["sent"].fill_null(0)).all()
