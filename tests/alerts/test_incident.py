"""The alert incident_suspected against the metric incidents_detected: the same minutes, told as they come."""

from collections import defaultdict
from datetime import timedelta

import pytest

from assets.measure import measure
from assets.refined import refine
from tests.alerts.conftest import DAY
from tests.metrics.randoms_roads import detectors, freeway

COOL_DOWN = timedelta(seconds=300)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_told_is_what_is_measured(make_place, seed: int) -> None:
    place = make_place(str(seed), ["incident_suspected"])
    place.refer("sensors", detectors(seed))
    by_minute = defaultdict(list)
    for row in freeway(place.city, DAY, seed):
        by_minute[row["observed_at"].replace(second=0)].append(row)
    told, opened = [], {}
    for minute, rows in sorted(by_minute.items()):
        place.land("traffic_flow", rows, minute + timedelta(seconds=61))
        for change in place.ask(minute + timedelta(seconds=62)):
            if change["state"] == "opened":
                told.append((change["place_id"], change["started_at"]))
    refine(place.lake, place.city, "traffic_flow")
    for metric in ("sensor_health_daily", "incidents_detected"):
        measure(place.lake, place.city, metric, [DAY])
    found = place.lake.scan("metrics", "incidents_detected").collect().sort("upstream_id", "started_at")
    # an alert that is open, or was until a moment ago, is not opened again
    expected = []
    for row in found.iter_rows(named=True):
        until = opened.get(row["upstream_id"])
        if until is None or row["started_at"] + timedelta(minutes=1) > until + COOL_DOWN:
            expected.append((row["upstream_id"], row["started_at"]))
        opened[row["upstream_id"]] = row["ended_at"]
    assert sorted(told) == sorted(expected)
    assert len(told) > 3
