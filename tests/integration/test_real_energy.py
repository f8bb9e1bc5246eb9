"""Real Green Button data and the data models' own counters: what their publishers' README says is true of the lake's tables."""

import polars as pl
import pytest

from schemas import ledger
from tests.integration import chosen
from tests.integration.chosen import DATA, Query

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory):
    sources = ("green_button", "fiware_ac", "fiware_three_phase")
    return chosen.built(tmp_path_factory.mktemp("energy") / "lake", *sources)


@pytest.fixture(scope="module")
def query(city) -> Query:
    return chosen.query(city)


def test_the_books_balance_and_say_what_was_refused(city, query: Query) -> None:
    books = ledger.balance(city.lake)
    assert books["off_by"].sum() == 0
    landed = books.filter((pl.col("feed") == "meter_readings") & (pl.col("stage") == "land"))
    assert landed.select(pl.col("taken", "kept", "rejected").sum()).rows() == [(300 + 4 + 4, 300 + 4 + 2, 2)]
    # two examples are key-values without any time of the counter
    assert query('SELECT code, "column", count(*) FROM quarantine_meter_readings GROUP BY ALL') == [("missing", "ended_at", 2)]


def test_a_home_by_the_hour(query: Query) -> None:
    told = "round(sum(energy_kwh) * 1000), min(ended_at - to_seconds(interval_s))::VARCHAR, max(interval_s), min(quality)"
    rows = query(f"SELECT count(*), {told} FROM refined_meter_readings WHERE energy_kwh IS NOT NULL")
    assert rows == [(300, 248530, "2023-02-22 18:00:00+00", 3600, "valid")]
    halves = "WHERE event_date BETWEEN '2023-02-22' AND '2023-03-07' AND direction = 'delivered'"
    loads = query(
        f"SELECT round(sum(energy_kwh - like_days_kwh - interpolated_kwh), 6), sum(n) FROM metrics_energy_load_30min {halves}"
    )
    assert loads == [(248.53, 600)]
    assert query(f"SELECT max(meters), min(highest_meter_share) FROM metrics_energy_daily {halves}") == [(1, 1.0)]
    # one home of a part of two months: too little of either for a duration curve
    reasons = "SELECT DISTINCT null_reason FROM metrics_energy_load_duration WHERE event_date >= '2023-01-01'"
    assert query(reasons) == [("low_coverage",)]


def test_counters_of_the_data_models(query: Query) -> None:
    rows = query(
        "SELECT register, direction, max(reading_kwh), count(energy_kwh), max(interval_s) FROM refined_meter_readings "
        "WHERE reading_kwh IS NOT NULL GROUP BY ALL ORDER BY ALL"
    )
    assert rows == [("total", "delivered", 150781.96448, 0, 0)]
    # single states weeks apart are no energy
    assert query("SELECT count(*) FROM metrics_energy_load_30min WHERE event_date < '2023-01-01' AND energy_kwh > 0") == [(0,)]
