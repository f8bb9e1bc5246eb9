"""Districts from outlines: which one a place lies in, when, and what is refined again. Against a plain-Python oracle too."""

import math
import random
from datetime import UTC, date, datetime, timedelta

import pytest

from assets.refined import refine, stale_days
from schemas.errors import LakeError

DAY = date(2026, 5, 4)
NOON = datetime(2026, 5, 4, 10, tzinfo=UTC)
OLD, LATER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
FEED = "emergency_calls"


def square(west: float, south: float, side: float = 1) -> str:
    corners = [(0, 0), (side, 0), (side, side), (0, side), (0, 0)]
    return "POLYGON ((" + ", ".join(f"{west + x} {south + y}" for x, y in corners) + "))"


def district(name: str, outline: str | None, since: datetime = OLD) -> dict:
    return {"district": name, "valid_from": since, "polygon_wkt": outline, "population": 100}


def call(number: int, lat: float | None, lon: float | None, **more: object) -> dict:
    row = {"incident_id": f"i{number:04}", "unit_id": "u", "call_type": "fire", "received_at": NOON, "lat": lat, "lon": lon}
    return row | {"district": "unknown", "priority": "1"} | more


def refined(town, calls: list[dict], districts: list[dict]) -> list[str]:
    """The districts of the calls, refined."""
    town.deliver(FEED, calls)
    if districts:
        town.put("reference.districts", districts)
    refine(town.lake, town.city, FEED)
    found = town.lake.scan("refined", FEED)
    assert found is not None
    return found.collect().sort("incident_id")["district"].to_list()


def test_a_place_gets_the_district_that_holds_it_and_a_named_one_keeps_its_name(town):
    calls = [
        call(1, 50.5, 10.5),
        call(2, 50.5, 11.5),
        call(3, 55, 10),
        call(4, None, None),
        call(5, 50.5, 10.5, district="other"),
    ]
    districts = [district("west", square(10, 50)), district("east", square(11, 50))]
    assert refined(town, calls, districts) == ["west", "east", "unknown", "unknown", "other"]


def test_a_border_belongs_to_the_first_by_name(town):
    calls = [call(1, 50.5, 11), call(2, 50, 10), call(3, 51, 11)]
    assert refined(town, calls, [district("b", square(10, 50)), district("a", square(11, 50))]) == ["a", "b", "a"]


def test_outlines_hold_from_their_day_on_and_the_first_before_it_too(town):
    later = NOON + timedelta(hours=2)
    calls = [call(1, 50.5, 10.5), call(2, 50.5, 10.5, received_at=later), call(3, 50.5, 20.5), call(4, 50.5, 30.5)]
    districts = [
        district("a", square(10, 50)),
        district("a", None, NOON + timedelta(hours=1)),  # dissolved into b
        district("b", square(11, 50)),
        district("b", square(10, 50, 2), NOON + timedelta(hours=1)),
        district("c", square(20, 50), LATER),  # nothing older is known of it
        district("d", square(30, 50), LATER),
        district("e", square(30, 50)),
    ]
    assert refined(town, calls, districts) == ["a", "b", "c", "e"]


def test_holes_parts_and_crossed_lines_are_understood(town):
    ring = "POLYGON ((0 50, 3 50, 3 53, 0 53, 0 50), (1 51, 2 51, 2 52, 1 52, 1 51))"
    bow = "POLYGON ((5 50, 6 51, 6 50, 5 51, 5 50))"
    calls = [call(1, 51.5, 1.5), call(2, 50.5, 0.5), call(3, 50.5, 5.1), call(4, 50.9, 5.5)]
    assert refined(town, calls, [district("ring", ring), district("bow", bow)]) == ["unknown", "ring", "bow", "unknown"]


def test_without_districts_rows_stay_as_they_are_and_new_outlines_refine_days_again(town):
    assert refined(town, [call(1, 50.5, 10.5)], []) == ["unknown"]
    assert stale_days(town.lake, town.city, FEED) == []
    town.put("reference.districts", [district("west", square(10, 50))])
    assert stale_days(town.lake, town.city, FEED) == [DAY]
    refine(town.lake, town.city, FEED)
    assert stale_days(town.lake, town.city, FEED) == []
    assert town.lake.scan("refined", FEED).collect()["district"].to_list() == ["west"]


def test_an_outline_that_is_none_is_told(town):
    with pytest.raises(LakeError, match="west"):
        refined(town, [call(1, 50.5, 10.5)], [district("west", "POLYGON ((0 0, 1 1))")])


@pytest.mark.parametrize("seed", range(3))
def test_random_places_agree_with_crossings_counted_by_hand(town, seed):
    rng = random.Random(f"districts {seed}")
    shapes = {}
    for i in range(12):
        x, y, n = rng.uniform(0, 3), rng.uniform(50, 53), rng.choice([3, 5, 8])
        # distances around a middle: the outline never crosses itself
        turns = sorted(rng.random() for _ in range(n))
        if max(b - a for a, b in zip(turns, [*turns[1:], turns[0] + 1], strict=True)) < 0.45:
            shapes[f"d{i:02}"] = [
                (x + r * math.cos(t * math.tau), y + r * math.sin(t * math.tau)) for t in turns for r in (rng.uniform(0.1, 0.8),)
            ]
    outlines = [district(n, "POLYGON ((" + ", ".join(f"{a!r} {b!r}" for a, b in [*p, p[0]]) + "))") for n, p in shapes.items()]
    calls = [call(i, rng.uniform(49.5, 53.5), rng.uniform(-0.5, 3.5)) for i in range(400)]
    wanted = [min((n for n, p in shapes.items() if inside(c["lon"], c["lat"], p)), default="unknown") for c in calls]
    assert len(set(wanted)) > 3
    assert refined(town, calls, outlines) == wanted


def inside(x: float, y: float, corners: list[tuple[float, float]]) -> bool:
    crossings = 0
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        crossings += (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0
    return crossings % 2 == 1
