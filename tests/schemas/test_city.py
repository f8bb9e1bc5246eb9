"""Local days: a DST day has 23 or 25 hours, and an instant belongs to one day."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.city import City
from schemas.errors import SettingsError


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Europe/Berlin", date(2026, 5, 1), 24),
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("Australia/Sydney", date(2026, 10, 4), 23),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("UTC", date(2026, 3, 29), 24),
    ],
)
def test_a_day_has_the_hours_the_clocks_give_it(zone: str, day: date, hours: float) -> None:
    city = City("Test", zone)
    assert city.day_seconds(day) == hours * 3600
    first = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=14)
    instants = pl.DataFrame({"at": pl.datetime_range(first, first + timedelta(hours=52), "30m", closed="left", eager=True)})
    assert instants.filter(city.day(pl.col("at")) == day).height == hours * 2


def test_a_day_begins_when_the_city_says() -> None:
    assert City("Berlin", "Europe/Berlin").day_start(date(2026, 5, 1)).astimezone(UTC) == datetime(2026, 4, 30, 22, tzinfo=UTC)


def test_local_time_of_the_doubled_hour() -> None:
    city = City("Berlin", "Europe/Berlin")
    frame = pl.DataFrame({"at": [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)]})
    assert frame.select(city.local(pl.col("at")))["at"].to_list() == [datetime(2026, 10, 25, 2, 30)] * 2


@given(
    st.datetimes(datetime(2001, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
)
def test_an_instant_lies_within_its_day(at: datetime, zone: str) -> None:
    city, at = City("Test", zone), at.replace(tzinfo=UTC)
    day = pl.DataFrame({"at": [at]}).select(city.day(pl.col("at"))).item()
    assert city.day_start(day).timestamp() <= at.timestamp() < city.day_start(day).timestamp() + city.day_seconds(day)


@pytest.mark.parametrize(("zone", "resolution"), [("Berlin", 9), ("Europe/Berlin", 16), ("Europe/Berlin", -1)])
def test_an_impossible_city_is_refused(zone: str, resolution: int) -> None:
    with pytest.raises(SettingsError) as caught:
        City("Test", zone, resolution)
    assert caught.value.where.startswith("[city]")
    assert caught.value.remedy
