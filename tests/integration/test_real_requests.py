"""Real service requests of New York, and those of Smart Data Models: what is true of them is true of the lake's tables."""

import polars as pl
import pytest

from dagster_project import way
from schemas import ledger
from tests.integration import chosen
from tests.integration.chosen import DATA, Query

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")]
NEW_YORK = "FROM refined_service_requests WHERE _source LIKE '%nyc_311%'"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory):
    return chosen.built(tmp_path_factory.mktemp("requests") / "lake", "nyc_311", "fiware_requests")


@pytest.fixture(scope="module")
def query(city) -> Query:
    return chosen.query(city)


def test_the_books_balance_and_six_requests_were_closed_before_they_were_made(city, query: Query) -> None:
    books = ledger.balance(city.lake)
    assert books["off_by"].sum() == 0
    said = books.group_by("stage").agg(pl.col("taken", "kept", "rejected", "repeated").sum()).sort("stage").rows()
    assert said == [("land", 1004, 997, 7, 0), ("refine", 997, 995, 0, 2)]
    refused = query('SELECT code, "column", count(*) FROM quarantine_service_requests GROUP BY ALL ORDER BY ALL')
    # the seventh of those that were closed before is 1900, which means never: it is kept
    assert refused == [("rule_broken", "closed_after_requested", 6), ("wrong_type", "expected_at", 1)]


def test_requests_of_new_york(query: Query) -> None:
    of_lamps = "count(*) FILTER (service_code = 'Street Light Condition')"
    counted = f"count(*), count(DISTINCT request_id), {of_lamps}, min(closed_at) > DATE '2012-01-01'"
    assert query(f"SELECT {counted} {NEW_YORK}") == [(994, 994, 58, True)]
    refused = "payload LIKE '%Street Light Condition%' AND code = 'rule_broken'"
    assert query(f"SELECT count(*) FROM quarantine_service_requests WHERE {refused}") == [(62 - 58,)]
    # 18 were never closed, one was in 1900
    assert query(f"SELECT count(*) {NEW_YORK} AND closed_at IS NULL") == [(19,)]
    assert query(f"SELECT status, count(*) {NEW_YORK} GROUP BY 1 ORDER BY 1") == [("closed", 966), ("open", 28)]
    never = query(f"SELECT status, updated_at AT TIME ZONE 'America/New_York' {NEW_YORK} AND request_id = '24446101'")
    assert [(s, str(at)) for s, at in never] == [("open", "2012-11-20 16:47:31")]
    assert query(f"SELECT count(*) {NEW_YORK} AND updated_at < greatest(requested_at, closed_at)") == [(0,)]


def test_open311_of_the_data_models(query: Query) -> None:
    rows = query(
        "SELECT request_id, service_code, status, lat, lon, _versions, requested_at::VARCHAR "
        "FROM refined_service_requests WHERE _source LIKE '%fiware%'"
    )
    # the fourth of its examples writes -08:00Z
    assert rows == [("638344", "234", "closed", 40.62785133667262, -3.164485591715449, 3, "2010-04-14 14:37:38+00")]


def test_the_same_again_changes_nothing(city) -> None:
    before = {t: city.lake.open(*t).version() for t in city.lake.tables()}
    assert sum(one.files for one in way.land(city)) == 0
    assert way.build(city).refined == []
    assert {t: city.lake.open(*t).version() for t in city.lake.tables()} == before
