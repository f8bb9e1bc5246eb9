"""Metrics that look far back: which days they read, what names their partitions, and how many days share a batch."""

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest

from assets import measure as measuring
from assets.held import held
from assets.relations import Inputs
from schemas import registry
from schemas.lake import File

DAY = date(2026, 5, 4)
TABLE = "refined.service_requests"


def file(day, rows, name="a"):
    path = f"event_date={day}/{name}.parquet" if day else f"{name}.parquet"
    return File(f"lake/{path}", path, day, rows, 100 + rows, 0)


@pytest.mark.parametrize("seed", range(5))
def test_sums_of_spans_are_those_of_their_files(seed):
    rng = random.Random(seed)
    files = [file(DAY + timedelta(days=rng.randrange(60)), rng.randrange(9), str(i)) for i in range(40)] + [file(None, 5)]
    sums, shuffled = held(files), held(rng.sample(files, len(files)))
    assert sums == shuffled
    for _ in range(50):
        first = DAY + timedelta(days=rng.randrange(-5, 60))
        last = first + timedelta(days=rng.randrange(30))
        inside = [f for f in files if f.event_date is None or first <= f.event_date <= last]
        assert sums.rows_of(first, last) == sum(f.rows for f in inside)
        assert sums.said_of(first, last) == held(inside).said_of(first, last)
        if len(inside) > 1:
            assert sums.said_of(first, last) != held(inside[1:]).said_of(first, last)
            assert sums.said_of(first, last) != held([*inside[1:], replace(inside[0], bytes=1)]).said_of(first, last)


def test_the_days_that_partitions_read_are_those_around_each():
    for contract in registry.metrics().values():
        partitions = sorted({contract.partition_of(DAY + timedelta(days=k)) for k in (0, 1, 2, 40, 41, 300)})
        around = range(-contract.lookback_days, contract.lookahead_days + 1)
        each = {d + timedelta(days=k) for p in partitions for d in contract.days_of(p) for k in around}
        assert contract.reads(partitions[::-1]) == sorted(each)


def batches(files, days, contract):
    seen = Inputs({TABLE: files}, None, {})
    spans = [measuring._Day(d, "x", *contract.span_of(d), True) for d in days]
    return [[d.day for d in batch] for batch in measuring._batches(spans, seen)]


def test_days_that_look_back_on_the_same_years_share_a_batch(monkeypatch):
    contract = replace(registry.metrics()["service_requests_daily"], lookback_days=3650, lookahead_days=0)
    days = [DAY + timedelta(days=k) for k in range(30)]
    files = [file(DAY + timedelta(days=k), 10) for k in range(-1000, 30)]
    monkeypatch.setattr(measuring, "BATCH_ROWS", 20_000)
    assert batches(files, days, contract) == [days]
    # more than a batch is needed for a day alone: others that add a hundredth each go with it, a tenth of it at most
    monkeypatch.setattr(measuring, "BATCH_ROWS", 5_000)
    assert [
        len(b)
        for b in batches(
            [file(f.event_date, 10 * (f.event_date <= DAY) + 100 * (f.event_date > DAY)) for f in files], days, contract
        )
    ] == [
        11,
        12,
        7,
    ]
    # what every day works on is bounded too
    monkeypatch.setattr(measuring, "BATCH_WORK", 4)
    assert max(len(b) for b in batches(files, days, contract)) == 1


def test_days_that_look_nowhere_share_a_batch_up_to_its_rows(monkeypatch):
    contract = replace(registry.metrics()["service_requests_daily"], lookback_days=0, lookahead_days=0)
    days = [DAY + timedelta(days=k) for k in range(7)]
    monkeypatch.setattr(measuring, "BATCH_ROWS", 25)
    assert [len(b) for b in batches([file(d, 10) for d in days], days, contract)] == [2, 2, 2, 1]
    assert [len(b) for b in batches([file(d, 100) for d in days], days, contract)] == [1] * 7
