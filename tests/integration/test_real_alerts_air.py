"""The Smart Data Models' own examples of alerts, air and noise: what lands of them, is left out, or is refused."""

import polars as pl
import pytest

from dagster_project import way
from schemas import ledger
from tests.integration import chosen
from tests.integration.chosen import DATA, Query

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory):
    return chosen.built(tmp_path_factory.mktemp("air") / "lake", "fiware_air", "fiware_noise", "fiware_alerts")


@pytest.fixture(scope="module")
def query(city) -> Query:
    return chosen.query(city)


def test_the_books_balance_and_say_what_was_refused(city, query: Query) -> None:
    books = ledger.balance(city.lake)
    assert books["off_by"].sum() == 0
    landed = books.filter(pl.col("stage") == "land").group_by("feed").agg(pl.col("taken", "kept", "rejected").sum())
    # none of eight alerts is a conclusion of this feed: they are left out, and are nobody's rows
    assert landed.rows() == [("air_quality", 10, 9, 1)]
    assert city.lake.files("raw", "camera_events") == []
    assert city.lake.files("quarantine", "camera_events") == []
    # simplified NGSIv2 says co2 = 69 where the others say no2 = 69: nothing in it is measured here
    refused = query('SELECT code, "column", payload FROM quarantine_air_quality')
    assert [r[:2] for r in refused] == [("rule_broken", "something_said")]
    assert '"co2":69' in refused[0][2]


def test_air_of_madrid(query: Query) -> None:
    """69 ug/m3 of NO2, with its unit and without, in upper and lower case; one of the five says that the hour began at 11:00."""
    rows = query(
        "SELECT no2_ug_m3, interval_s, observed_at::VARCHAR, count(*) FROM raw_air_quality WHERE noise_dba IS NULL GROUP BY ALL"
    )
    assert sorted(rows) == [
        (69.0, 3600, "2016-03-15 10:00:00+00", 3),
        (69.0, 3600, "2016-03-15 11:00:00+00", 1),
    ]
    stations = query("SELECT DISTINCT station_id FROM raw_air_quality WHERE noise_dba IS NULL ORDER BY ALL")
    assert [s for (s,) in stations] == ["28079004-Pza.deEspanya", "urn:ngsi-ld:PointOfInterest:28079004-Pza.deEspanya"]


def test_noise_of_vitoria(query: Query) -> None:
    """The id of each entity holds its time; the station is what is left."""
    told = "SELECT station_id, noise_dba, interval_s, observed_at::VARCHAR, count(*) FROM raw_air_quality "
    rows = query(told + "WHERE noise_dba > 0 GROUP BY ALL")
    assert sorted(rows) == [
        ("Vitoria-NoiseLevelObserved", 67.8, 3600, "2016-12-28 12:00:00+00", 2),
        ("urn:ngsi-ld:NoiseLevelObserved:Vitoria-NoiseLevelObserved", 67.8, 3600, "2016-12-28 12:00:00+00", 3),
    ]


def test_hours_of_both(query: Query) -> None:
    hours = (
        "SELECT quantity, local_time::VARCHAR, mean_ug_m3, laeq_dba, coverage_share, null_reason FROM metrics_air_quality_hourly "
    )
    assert query(hours + "WHERE n > 0 ORDER BY ALL") == [
        ("no2", "2016-03-15 09:00:00", 69.0, None, 1.0, None),
        ("no2", "2016-03-15 09:00:00", 69.0, None, 1.0, None),
        ("no2", "2016-03-15 10:00:00", 69.0, None, 1.0, None),
        ("noise", "2016-12-28 11:00:00", None, pytest.approx(67.8), 1.0, None),
        ("noise", "2016-12-28 11:00:00", None, pytest.approx(67.8), 1.0, None),
    ]
    # an hour is no day
    assert query("SELECT count(day_mean_ug_m3), count(is_over_day_who) FROM metrics_air_quality_hourly") == [(0, 0)]


def test_the_same_again_changes_nothing(city) -> None:
    before = {t: city.lake.open(*t).version() for t in city.lake.tables()}
    assert sum(one.files for one in way.land(city)) == 0
    assert way.build(city).refined == []
    assert {t: city.lake.open(*t).version() for t in city.lake.tables()} == before
