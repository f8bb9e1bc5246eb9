"""Real service requests of New York: the backlog and the time to close of a register that keeps the latest version alone.

What the register says, row by row, is in test_real_requests. Days are those of the test city, which keeps UTC.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from scipy.stats import CensoredData, ecdf

from tests.integration import chosen
from tests.integration.chosen import DATA, Query

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")]


@pytest.fixture(scope="module")
def query(tmp_path_factory: pytest.TempPathFactory) -> Query:
    return chosen.query(chosen.built(tmp_path_factory.mktemp("services") / "lake", "nyc_311"))


def test_every_closing_is_counted_once_and_most_came_in_one_day(query: Query) -> None:
    (closed, reopened, met, missed), *_ = query(
        "SELECT sum(closed), sum(reopened), sum(sla_met_n), sum(sla_missed_n) FROM metrics_service_requests_daily"
    )
    assert (closed, reopened) == (966, 0)
    promised = query("SELECT count(*) FROM refined_service_requests WHERE closed_at <= expected_at")
    assert [(met,)] == promised and missed > 0
    by_day = "SELECT event_date::VARCHAR, sum(opened) AS n FROM metrics_service_requests_daily GROUP BY 1 ORDER BY 2 DESC LIMIT 2"
    assert query(by_day) == [("2012-11-20", 836), ("2012-11-21", 99)]


def test_the_backlog_of_each_day_is_what_was_asked_for_and_not_closed(query: Query) -> None:
    """Of days on which the lake already looked: a request told of more than 92 days later was in no backlog before."""
    rows = query(
        "SELECT requested_at, coalesce(closed_at, updated_at), status = 'open', updated_at FROM refined_service_requests"
    )
    days = query("SELECT event_date, sum(backlog) FROM metrics_service_requests_daily GROUP BY 1")
    assert len(days) == 77
    for day, backlog in days:
        end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        known = [r for r in rows if (r[3].astimezone(UTC).date() - day).days <= 92]
        assert backlog == sum(asked < end and (is_open or closed >= end) for asked, closed, is_open, _ in known), day


def test_times_to_close_are_those_of_scipy(query: Query) -> None:
    day = datetime(2012, 12, 20, tzinfo=UTC)
    end, cells = day + timedelta(days=1), defaultdict(lambda: ([], []))
    rows = query(
        "SELECT district, service_code, requested_at, coalesce(closed_at, updated_at), status, updated_at "
        "FROM refined_service_requests"
    )
    for district, code, asked, closed, status, told in rows:
        if asked < end and end - asked <= timedelta(days=90) and (told.astimezone(UTC).date() - day.date()).days <= 92:
            is_closed = status == "closed" and closed < end
            cells[district, code][is_closed].append(((closed if is_closed else end) - asked).total_seconds() / 3600)
    got = query(
        "SELECT district, service_code, window_n, close_p50_h, close_p90_h FROM metrics_service_requests_daily "
        "WHERE event_date = DATE '2012-12-20' AND window_n > 0"
    )
    assert {(d, c): n for d, c, n, *_ in got} == {k: len(a) + len(b) for k, (a, b) in cells.items()}
    for district, code, _, *times in got:
        still_open, closed = cells[district, code]
        curve = ecdf(CensoredData(uncensored=closed, right=still_open)).sf
        for found, share in zip(times, (0.5, 0.1), strict=True):
            steps = zip(curve.quantiles, curve.probabilities, strict=True)
            wanted = next((float(age) for age, left in steps if left <= share + 1e-9), None) if closed else None
            assert found == (None if wanted is None else pytest.approx(wanted)), (district, code)
    assert sum(p50 is not None for *_, p50, _ in got) > 20
