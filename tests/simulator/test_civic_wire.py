"""What the city's agencies write: tables published whole, polls of a register, events with what no row may have."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from pipelines.simulator import camera_events, cameras, crashes, detectors, eservice_transactions, mishaps, transactions
from pipelines.simulator.crash_snapshots import CrashTable
from pipelines.simulator.faults import FaultRates
from pipelines.simulator.wording import worded
from tests.simulator.conftest import CITY

START, END = (int(CITY.day_start(d).timestamp()) for d in (date(2026, 5, 5), date(2026, 5, 6)))
NONE = FaultRates.none()


def rng(*of: int) -> np.random.Generator:
    return np.random.default_rng([8, *of])


def _crashed() -> pl.DataFrame:
    sensors = detectors.lay_out(rng(1), 60_000, END - START, NONE)
    watched = cameras.lay_out(rng(2), 12, NONE)
    dark = pl.DataFrame(schema={"lat": pl.Float64, "lon": pl.Float64, "from_s": pl.Int64, "to_s": pl.Int64})
    return crashes.happened(
        rng(3), CITY, START, END, 200, mishaps.incidents(rng(4), CITY, sensors, START, END), sensors, watched, dark
    )


def _published(rates: FaultRates) -> tuple[list[list[dict]], list[Counter], pl.DataFrame]:
    """Three publications: of the day, of the next one, on which nothing happens, and the last."""
    table, crashed = CrashTable(rates), _crashed()
    sent = [
        table.publish(rng(5), crashed, 0, END),
        table.publish(rng(6), crashed.clear(), 1, END + 86_400),
        table.publish_last(2, END + 86_400),
    ]
    rows = [list(csv.DictReader(io.StringIO(s.lines["body"][0].decode()))) for s in sent]
    return rows, [s.books for s in sent], crashed


def test_later_publications_add_correct_and_withdraw_and_one_gains_a_column():
    (first, second, last), books, crashed = _published(replace(NONE, correction=0.1))
    ids = [{r["crash_id"] for r in rows} for rows in (first, second, last)]
    withdrawn, added = ids[0] - ids[1], ids[1] - ids[0]
    assert withdrawn
    assert all(i.startswith("G") for i in withdrawn)
    assert added, "crashes of the last hours are typed in on the day after"
    assert ids[1] == ids[2] == set(crashed["crash_id"])
    before, after = ({r["crash_id"]: r["severity"] for r in rows} for rows in (first, second))
    changed = {i for i in before if i in after and before[i] != after[i]}
    assert changed
    assert after == dict(crashed.select("crash_id", "severity").iter_rows())
    assert "road_surface" not in first[0]
    assert "road_surface" in second[0]
    same = len(ids[0] & ids[1])
    assert books[0] == Counter(taken=len(first))
    assert books[1]["repeated"] <= same - len(changed)
    assert books[2] == Counter(taken=len(last), repeated=len(last))


def test_a_row_that_is_refused_is_refused_in_every_publication():
    (first, second, last), books, _ = _published(replace(NONE, null_island=0.1, missing_value=0.1, unreadable_number=0.1))
    for rows, told in zip((first, second, last), books, strict=True):
        bad = [r for r in rows if r["lat"] == "0.0" or not r["occurred_at"] or r["killed"] == "n/a"]
        assert told["rejected"] == len(bad) > 10
    assert books[2]["taken"] == books[2]["rejected"] + books[2]["repeated"]


def test_an_event_that_carries_a_picture_a_face_or_a_plate_is_to_be_refused():
    watched = cameras.lay_out(rng(7), 6, NONE)
    seen = cameras.concluded(rng(8), CITY, watched, _crashed().filter(pl.col("camera") < 6), START, END)
    sent = camera_events.day(rng(9), watched, seen, START, replace(NONE, forbidden_content=0.05))
    lines = sent.lines["line"]
    assert (
        sent.books["rejected"]
        == sent.faults["forbidden_content"]
        == sum('"thumbnail"' in x or "face_" in x or "plate" in x for x in lines)
    )
    assert sent.books["rejected"] > 20
    assert all("event_id" in json.loads(x) for x in lines)
    for needle in ("data:image/jpeg;base64,/9j/", '"face_template":[', '"license_plate":"'):
        assert lines.str.contains(needle, literal=True).any()
    refused = sent.keys.filter(~pl.col("is_refined"))
    assert refused["fault"].unique().to_list() == ["forbidden_content"]


@pytest.mark.parametrize("is_csv", [False, True])
def test_lines_keys_and_books_belong_together(is_csv):
    how = eservice_transactions.wording(is_csv)
    made = transactions.submitted(rng(10), CITY, START, END, 4000).with_columns(
        sent_s="ended_s", shift_s=pl.lit(0, pl.Int64), is_lost=pl.lit(False)
    )
    rates = replace(NONE, repeat=0.05, correction=0.05, missing_value=0.02, future=0.02, late_hours=0.02)
    sent = worded(rng(11), how, made, rates)
    again = sent.faults["repeat"] + sent.faults["correction"]
    assert sent.lines.height == sent.books["taken"] == made.height + again
    assert sent.books["rejected"] == sent.faults["missing_value"] + sent.faults["future"] == (~sent.keys["is_refined"]).sum()
    assert (sent.books["repeated"], sent.books["superseded"]) == (sent.faults["repeat"], sent.faults["correction"])
    read = (
        csv.DictReader(io.StringIO(how.header + "".join(sent.lines["line"]))) if is_csv else map(json.loads, sent.lines["line"])
    )
    found = {r["transaction_id"] or None for r in read}
    assert set(made["transaction_id"]) - found <= set(sent.keys.filter(~pl.col("is_refined"))["transaction_id"])


def test_a_transaction_is_told_when_it_is_submitted_and_when_it_ends():
    made = transactions.submitted(rng(12), CITY, START, END, 500)
    told = eservice_transactions.day(rng(13), made, END, NONE)["portal"]
    rows = [json.loads(line) for line in told.lines.sort("received_s")["line"]]
    last = {r["transaction_id"]: r["outcome"] for r in rows}
    times = Counter(r["transaction_id"] for r in rows)
    ended = dict(made.select("transaction_id", (pl.col("ended_s") <= END).alias("e")).iter_rows())
    assert {t: o == "pending" for t, o in last.items()} == {t: not ended[t] for t in last}
    assert told.books["superseded"] == sum(n == 2 for n in times.values()) > 10
