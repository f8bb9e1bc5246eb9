"""Where the sun stands (assets/functions/sun_phases.py): against astral asked every ten seconds, and where it never sets."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import duckdb
import pytest
from astral import Observer
from astral.sun import elevation, sunset

from assets.functions import sun_phases
from schemas.city import City

DARK, DAY = -6.0, -0.833
CASES = [
    ("Europe/Berlin", 52.5, 13.4, date(2026, 3, 29)),
    ("Europe/Berlin", 52.5, 13.4, date(2026, 10, 25)),
    ("Pacific/Auckland", -36.8, 174.8, date(2026, 6, 21)),
    ("Pacific/Kiritimati", 1.9, -157.4, date(2026, 9, 23)),
    ("Asia/Kolkata", 13.0, 77.6, date(2026, 1, 1)),
    ("Europe/Helsinki", 60.2, 24.9, date(2026, 6, 21)),
    ("Europe/Oslo", 69.6, 18.9, date(2026, 5, 17)),
]


def phases(zone, lat, lon, day, dark=DARK, light=DAY):
    """[(from, until, phase)] in whole seconds since the local day began, and that instant."""
    con = duckdb.connect()
    sun_phases.register(con)
    start, end = (City("x", zone).day_start(d).astimezone(UTC) for d in (day, day + timedelta(days=1)))
    args = [*(round(t.timestamp() * 1e6) for t in (start, end)), lat, lon, dark, light]
    found = con.execute("SELECT sun_phases($1, $2, $3::DOUBLE, $4::DOUBLE, $5, $6)", args).fetchone()[0]
    return [(p["from_us"] / 1e6, p["until_us"] / 1e6, p["phase"]) for p in found], start


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "lat", "lon", "day"), CASES)
def test_every_ten_seconds_the_phase_is_what_the_elevation_says(zone, lat, lon, day):
    found, start = phases(zone, lat, lon, day)
    assert found[0][0] == 0 and all(a[1] == b[0] and a[2] != b[2] for a, b in pairwise(found))
    assert found[-1][1] == City("x", zone).day_seconds(day)
    at = Observer(lat, lon)
    for from_s, until_s, phase in found:
        for s in range(int(from_s), int(until_s), 10):
            degrees = elevation(at, start + timedelta(seconds=s), with_refraction=False)
            assert phase == ("dark" if degrees < DARK else "daylight" if degrees > DAY else "twilight"), (s, degrees)


def test_sunset_is_the_almanacs_to_half_a_minute():
    found, start = phases("Europe/Berlin", 52.5, 13.4, date(2026, 3, 10))
    assert [p for *_, p in found] == ["dark", "twilight", "daylight", "twilight", "dark"]
    down = start + timedelta(seconds=found[2][1])
    assert abs((down - sunset(Observer(52.5, 13.4), date(2026, 3, 10))).total_seconds()) < 30


@pytest.mark.parametrize(
    ("lat", "day", "seen"),
    [
        (78.2, date(2026, 6, 21), ["daylight"]),
        (78.2, date(2026, 12, 21), ["dark"]),
        (69.6, date(2026, 12, 21), ["dark", "twilight", "dark"]),
        (90.0, date(2026, 6, 21), ["daylight"]),
        (-90.0, date(2026, 6, 21), ["dark"]),
    ],
)
def test_where_the_sun_does_not_rise_or_set_there_is_no_cut(lat, day, seen):
    found, _ = phases("UTC", lat, 15.6, day)
    assert [p for *_, p in found] == seen


@pytest.mark.parametrize("lon", [-180.0, -179.9, 0.0, 179.9, 180.0])
def test_a_day_at_the_equator_has_one_night_wherever_it_is_cut(lon):
    found, _ = phases("UTC", 0.0, lon, date(2026, 3, 20))
    dark = sum(b - a for a, b, p in found if p == "dark")
    assert 11.1 < dark / 3600 < 11.3


def test_no_place_has_no_phase():
    day = date(2026, 3, 10)
    assert phases("UTC", None, 13.4, day)[0] == phases("UTC", 52.5, None, day)[0] == [(0, 86400, None)]


def test_an_hour_is_a_piece_of_its_day():
    con = duckdb.connect()
    sun_phases.register(con)
    from_us = round(datetime(2026, 3, 10, 17, tzinfo=UTC).timestamp() * 1e6)
    found = con.execute("SELECT sun_phases($1, $2, 52.5, 13.4, -6, -0.833)", [from_us, from_us + 3_600_000_000]).fetchone()[0]
    # 17:01:40 and 17:35:42 UTC, as of the whole day
    assert [(p["phase"], p["until_us"]) for p in found] == [
        ("daylight", 100_000_000),
        ("twilight", 2_142_000_000),
        ("dark", 3_600_000_000),
    ]
