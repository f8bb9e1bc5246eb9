"""GTFS Schedule, written from the reference's own text: a feed's zip becomes the timetable and the days it runs.

What is measured against it is tested in tests/metrics.
"""

import io
import zipfile
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from pipelines.reference import load
from pipelines.sources.declared import of_reference
from schemas.errors import SourceError
from schemas.registry import references
from tests.landing.driver import Inbox

FEED = {
    "agency.txt": "\ufeffagency_id,agency_name,agency_url,agency_timezone\n1,Metro,https://metro.example,America/New_York\n",
    "trips.txt": "route_id,service_id,trip_id,direction_id\n12,week,t1,0\n12,week,t2,1\n7,fair,t3,\n7,fair,shuttle,0\n",
    "stop_times.txt": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence,timepoint\r\n"
        't1,23:50:00,23:50:00,"A, north",1,1\r\nt1,,,B,2,0\r\nt1,24:10:05,24:10:05,C,5,1\r\n'
        "t2, 7:00:00,07:00:30,C,1,\r\nt3,25:35:00,25:35:00,A,0,1\r\nshuttle,00:00:00,00:00:00,A,0,1\r\n"
    ),
    "calendar.txt": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "week,1,1,1,1,1,0,0,20260306,20260310\n"
    ),
    "calendar_dates.txt": "service_id,date,exception_type\nweek,20260309,2\nfair,20260308,1\nfair,20261101,1\n",
    "frequencies.txt": "trip_id,start_time,end_time,headway_secs\nshuttle,06:00:00,22:00:00,600\n",
}


def zipped(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as feed:
        for name, text in files.items():
            feed.writestr(name, text)
    return out.getvalue()


def loaded(inbox: Inbox, table: str, content: bytes | None = None, **block: Any) -> pl.DataFrame:
    inbox.put("gtfs.zip", zipped(FEED) if content is None else content)
    source = of_reference(references()[table], {"uri": "gtfs.zip", "format": "gtfs_static"} | block, inbox.folder / "inbox")
    load(inbox.lake, inbox.city, references()[table], source)
    scan = inbox.lake.scan("reference", table)
    assert scan is not None
    return scan.collect()


def test_stops_of_trips_with_times_past_midnight(inbox: Inbox) -> None:
    rows = loaded(inbox, "transit_schedule").sort("trip_id", "stop_sequence")
    told = ["trip_id", "stop_sequence", "stop_id", "route_id", "direction_id", "service_id", "arrival_s", "departure_s"]
    assert rows.select(*told, "is_timepoint").rows() == [
        ("t1", 1, "A, north", "12", 0, "week", 85800, 85800, True),
        ("t1", 2, "B", "12", 0, "week", None, None, False),
        ("t1", 5, "C", "12", 0, "week", 87005, 87005, True),
        ("t2", 1, "C", "12", 1, "week", 25200, 25230, None),
        ("t3", 0, "A", "7", None, "fair", 92100, 92100, True),
    ]
    assert rows.select("publisher", "valid_from").unique().rows() == [("Metro", datetime(2026, 3, 6, 5, tzinfo=UTC))]


def test_services_run_on_the_days_of_both_calendars_and_begin_at_noon_minus_twelve_hours(inbox: Inbox) -> None:
    rows = loaded(inbox, "transit_services").sort("service_date")
    assert rows.select("service_id", "service_date", "starts_at").rows() == [
        ("week", date(2026, 3, 6), datetime(2026, 3, 6, 5, tzinfo=UTC)),
        # the clocks go forward on the 8th: noon is at 16:00 UTC, and the day of service begins at 23:00 of the day before
        ("fair", date(2026, 3, 8), datetime(2026, 3, 8, 4, tzinfo=UTC)),
        ("week", date(2026, 3, 10), datetime(2026, 3, 10, 4, tzinfo=UTC)),
        # and back on 1 November: it begins an hour after midnight
        ("fair", date(2026, 11, 1), datetime(2026, 11, 1, 5, tzinfo=UTC)),
    ]


def test_the_feed_says_itself_whose_it_is_and_from_when_it_holds(inbox: Inbox) -> None:
    info = "feed_publisher_name,feed_publisher_url,feed_lang,feed_start_date\nCity of Example,https://c.example,en,20260301\n"
    rows = loaded(inbox, "transit_services", zipped(FEED | {"feed_info.txt": info}))
    assert rows.select("publisher", "valid_from").unique().rows() == [("City of Example", datetime(2026, 3, 1, 5, tzinfo=UTC))]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"stop_times.txt": "trip_id,stop_id,stop_sequence,arrival_time,departure_time\nt1,A,1,7:65:00,7:65:00\n"}, "7:65:00"),
        ({"stop_times.txt": "trip_id,stop_id,stop_sequence\nt9,A,1\n"}, "missing in route_id"),
        ({"trips.txt": None}, "no trips.txt"),
        ({"calendar.txt": None, "calendar_dates.txt": None}, "no service runs"),
        ({"agency.txt": "agency_name,agency_timezone\nMetro,Mars/Base\n"}, "Mars/Base"),
        ({"calendar_dates.txt": "service_id,date,exception_type\nfair,2026-03-08,1\n"}, "2026-03-08"),
    ],
)
def test_a_feed_with_a_fault_is_refused_and_says_which(inbox: Inbox, changed: dict[str, str | None], told: str) -> None:
    files = {n: t for n, t in (FEED | changed).items() if t is not None}
    with pytest.raises(SourceError, match=told):
        loaded(inbox, "transit_schedule", zipped(files))


@pytest.mark.parametrize("content", [b"no zip", zipped(FEED)[:-30]])
def test_what_is_no_zip_is_refused(inbox: Inbox, content: bytes) -> None:
    with pytest.raises(SourceError, match="malformed"):
        loaded(inbox, "transit_services", content)
