"""CSV as cities write it: one column per car park, no header, day first, old line ends, marks within numbers, odd encodings.

What a single bad line costs is tested in test_csv; cutting files and archives in test_files.
"""

import gzip
import io
import zipfile

import pytest

from pipelines.sources.files import Limits
from schemas import ledger
from tests.landing.driver import Inbox

FEED = "parking_occupancy"
WIDE = {
    "format": "csv",
    "time_zone": "Europe/Berlin",
    "unpivot": {"keep": ["Time"], "name": "park", "value": "taken"},
    "columns": {"facility_id": "park", "observed_at": {"from": "Time", "format": "%d/%m/%Y %H:%M"}, "occupied": "taken"},
}
BARE = {
    "format": "csv",
    "header": False,
    "time_zone": "Europe/London",
    "columns": {"facility_id": "column_1", "capacity": "column_2", "occupied": "column_3", "observed_at": "column_4"},
}


def land(inbox: Inbox, block: dict, limits: Limits | None = None, **more: object) -> list[tuple]:
    inbox.land(FEED, limits, **block, **more)
    assert inbox.off_by() == 0
    rows = inbox.raw(FEED).sort("facility_id", "observed_at")
    return [(f, str(t)[:16], n) for f, t, n in rows.select("facility_id", "observed_at", "occupied").rows()]


def test_car_parks_come_and_go_from_day_to_day(inbox: Inbox) -> None:
    inbox.put("in/1.csv", "Time,Market,Station\n01/05/2026 08:00,10,20\n01/05/2026 08:30,11,\n")
    inbox.put("in/2.csv", "Time,New Street,Market\n02/05/2026 08:00,5,12\n")
    inbox.put("in/3.csv", "Time\n03/05/2026 08:00\n")
    assert land(inbox, WIDE, uri="in/*.csv") == [
        ("Market", "2026-05-01 06:00", 10),
        ("Market", "2026-05-01 06:30", 11),
        ("Market", "2026-05-02 06:00", 12),
        ("New Street", "2026-05-02 06:00", 5),
        ("Station", "2026-05-01 06:00", 20),
    ]
    assert inbox.codes(FEED) == []
    assert ledger.lines(inbox.lake)["filtered"].sum() == 1  # the empty field says nothing of its car park


def test_a_wide_file_without_its_own_time_is_refused_and_the_others_land(inbox: Inbox) -> None:
    inbox.put("in/1.csv", "When,Market\n01/05/2026 08:00,10\n")
    inbox.put("in/2.csv", "Time,Market\n02/05/2026 08:00,12\n")
    planned = inbox.land(FEED, uri="in/*.csv", **WIDE)
    assert [r.found for r in planned.refused] == ["no column 'Time' to keep; it has When, Market"]
    assert inbox.raw(FEED)["occupied"].to_list() == [12]


def test_one_bad_field_of_a_wide_line_costs_its_car_park_alone(inbox: Inbox) -> None:
    inbox.put("a.csv", "Time,Market,Station\n01/05/2026 08:00,full,20\n01/05/2026 08:30,-3,21\n01/13/2026 09:00,1,2\n")
    assert [n for *_, n in land(inbox, WIDE, uri="a.csv")] == [20, 21]
    refused = {(code, column) for code, column in inbox.codes(FEED)}
    assert refused == {("wrong_type", "occupied"), ("out_of_range", "occupied"), ("wrong_type", "observed_at")}
    assert inbox.refused(FEED).height == 4  # a time that cannot be read costs the line


def test_a_file_without_header_padded_by_a_tab(inbox: Inbox) -> None:
    inbox.put("a.csv", "P1,577,61,2016-10-04 07:59:42\nP1,577,263,2016-10-04 13:29:45\t\nP2,100,-8,2016-11-04 13:29:45\n")
    assert land(inbox, BARE, uri="a.csv") == [("P1", "2016-10-04 06:59", 61), ("P1", "2016-10-04 12:29", 263)]
    assert inbox.codes(FEED) == [("out_of_range", "occupied")]


def test_the_day_stands_first_only_where_the_source_says_so(inbox: Inbox) -> None:
    text = "Time,Market\n03/04/2026 08:00,10\n"
    inbox.put("day_first.csv", text)
    inbox.put("month_first.csv", text)
    land(inbox, WIDE, uri="day_first.csv")
    columns = WIDE["columns"] | {"observed_at": {"from": "Time", "format": "%m/%d/%Y %H:%M"}}
    land(inbox, WIDE | {"columns": columns}, uri="month_first.csv")
    assert sorted(str(d) for d in inbox.raw(FEED)["event_date"]) == ["2026-03-04", "2026-04-03"]


LINES = ["Time,Market,Station", *(f"01/05/2026 {h:02d}:{m:02d},{h},{m}" for h in range(1, 24) for m in range(60))]
ENDS = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


def packed(body: bytes, how: str) -> bytes:
    if how == "gzip":
        return gzip.compress(body)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("day.csv", body)
    return held.getvalue()


@pytest.mark.parametrize("last", ["", "end"])
@pytest.mark.parametrize("how", ["plain", "gzip", "zip"])
@pytest.mark.parametrize("end", ENDS)
def test_line_ends_of_every_age_in_any_chunk(inbox: Inbox, end: str, how: str, last: str) -> None:
    body = (ENDS[end].join(LINES) + (ENDS[end] if last else "")).encode()
    inbox.put("a.csv", body if how == "plain" else packed(body, how))
    rows = land(inbox, WIDE, Limits(chunk_bytes=4099), uri="a.csv")
    assert len(rows) == 2 * (len(LINES) - 1)
    assert sum(n for *_, n in rows) == sum(h + m for h in range(1, 24) for m in range(60))
    assert inbox.codes(FEED) == []


THOUSANDS = [
    ('P1,"1,577","1,061",2026-05-01 07:59:42', {"thousands": ","}),
    ("P1;1.577;1.061;2026-05-01 07:59:42", {"thousands": ".", "delimiter": ";", "decimal": ","}),
    ("P1;1'577;1'061;2026-05-01 07:59:42", {"thousands": "'", "delimiter": ";"}),
    ("P1;1 577;1 061;2026-05-01 07:59:42", {"thousands": " ", "delimiter": ";"}),
    ("P1;1\u00a0577;1\u00a0061;2026-05-01 07:59:42", {"thousands": "\u00a0", "delimiter": ";"}),
    ("P1\t1577\t1061,0\t2026-05-01 07:59:42", {"delimiter": "\t", "decimal": ","}),
]


@pytest.mark.parametrize(("line", "marks"), THOUSANDS, ids=[m.get("thousands", "none") for _, m in THOUSANDS])
def test_marks_within_numbers(inbox: Inbox, line: str, marks: dict) -> None:
    inbox.put("a.csv", line + "\n")
    land(inbox, BARE, uri="a.csv", **marks)
    assert inbox.raw(FEED).select("capacity", "occupied").rows() == [(1577, 1061)]


def test_an_undeclared_mark_is_no_number(inbox: Inbox) -> None:
    inbox.put("a.csv", "P1;1.577;1.061;2026-05-01 07:59:42\n")
    land(inbox, BARE, uri="a.csv", delimiter=";")
    assert inbox.codes(FEED) == [("wrong_type", "occupied")]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-8"])
def test_names_of_car_parks_in_the_encoding_declared(inbox: Inbox, encoding: str) -> None:
    inbox.put("a.csv", "Time;Brébeuf;Gare Müller\r\n01/05/2026 08:00;10;11\r\n".encode(encoding))
    rows = land(inbox, WIDE, uri="a.csv", delimiter=";", encoding=encoding)
    assert [f for f, *_ in rows] == ["Brébeuf", "Gare Müller"]


MARKED = [
    ("\ufeffTime,Market\r\n01/05/2026 08:00,10\r\n", WIDE, {}),
    ('\ufeff"Time","Market"\r\n"01/05/2026 08:00","10"\r\n', WIDE, {}),
    ("\ufeffTime;Market\n01/05/2026 08:00;10\n", WIDE, {"delimiter": ";"}),
    ("\ufeffMarket,577,10,2026-05-01 07:00:00\n", BARE, {}),
    ('\ufeff"Market",577,10,2026-05-01 07:00:00\n', BARE, {}),
]


@pytest.mark.parametrize("how", ["plain", "gzip", "zip"])
@pytest.mark.parametrize(("text", "block", "more"), MARKED, ids=range(len(MARKED)))
def test_a_byte_order_mark_is_no_part_of_a_name(inbox: Inbox, text: str, block: dict, more: dict, how: str) -> None:
    inbox.put("a.csv", text.encode() if how == "plain" else packed(text.encode(), how))
    assert land(inbox, block, uri="a.csv", **more) == [("Market", "2026-05-01 06:00", 10)]
    assert inbox.codes(FEED) == []


SHORT = """Time;Market;Station
01/05/2026 08:00;10;
01/05/2026 08:30;11
01/05/2026 09:00
01/05/2026 09:30;1;2;3
01/05/2026 10:00;12;{}
"""


@pytest.mark.parametrize("last", ["13", '"13"'])
def test_last_fields_may_be_left_out_where_the_source_says_so(inbox: Inbox, last: str) -> None:
    inbox.put("a.csv", SHORT.format(last))
    inbox.put("b.csv", SHORT.format(last))
    rows = land(inbox, WIDE, uri="a.csv", delimiter=";", short_lines=True)
    assert rows == [
        ("Market", "2026-05-01 06:00", 10),
        ("Market", "2026-05-01 06:30", 11),
        ("Market", "2026-05-01 08:00", 12),
        ("Station", "2026-05-01 08:00", 13),
    ]
    assert inbox.codes(FEED) == [("malformed", None)]
    land(inbox, WIDE, uri="b.csv", delimiter=";")
    assert inbox.refused(FEED).filter(code="malformed").height == 1 + 3
