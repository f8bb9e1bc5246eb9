"""Coarse places, times and addresses; and that rules judge what came before it was made coarse."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import polars_h3 as h3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.privacy.coarsening import coarse
from schemas.column import Column
from tests.landing.driver import Inbox
from tests.privacy.planted import where_found

PLACE = tuple(Column(n, "float", "a place", privacy="coarsen", coarsen="h3:10") for n in ("lat", "lon"))
ADDRESS = Column("address", "string", "an address", privacy="coarsen", coarsen="block")
AT = Column("at", "instant", "a time", privacy="coarsen", coarsen="minute")

ADDRESSES = {
    "1234 MAIN ST": "1200 block MAIN ST",
    "1234 Main St Apt 5B": "1200 block Main St",
    "12-34 56TH AVE": "0 block 56TH AVE",
    "99B HIGH ST": "0 block HIGH ST",
    "77 W 34TH ST, UNIT 4": "0 block W 34TH ST",
    "1600 BLOCK OF PENN AVE": "1600 block PENN AVE",
    "1200 block MAIN ST": "1200 block MAIN ST",
    "Hauptstr. 112a": "100 block Hauptstr.",
    "1ST AVE": "1ST AVE",
    "MAIN ST & 2ND AVE": "MAIN ST & 2ND AVE",
    "117": "100 block",
    "": "",
}


@given(st.floats(-89.9, 89.9), st.floats(-180, 180))
def test_a_place_becomes_its_cells_centre(lat: float, lon: float) -> None:
    made = pl.DataFrame({"lat": [lat], "lon": [lon]}).select(coarse(PLACE))
    both = pl.DataFrame({"lat": [lat, made["lat"][0]], "lon": [lon, made["lon"][0]]})
    assert both.select(h3.latlng_to_cell("lat", "lon", 10)).to_series().n_unique() == 1
    again = made.select(coarse(PLACE)).row(0)
    assert again == pytest.approx(made.row(0), abs=1e-9)
    assert math.hypot(made["lat"][0] - lat, 0) * 111_320 < 100


def test_half_a_place_is_none() -> None:
    rows = pl.DataFrame({"lat": [52.5, None, math.nan], "lon": [None, 13.4, 13.4]}, schema={"lat": pl.Float64, "lon": pl.Float64})
    assert rows.select(coarse(PLACE)).rows() == [(None, None)] * 3


def test_addresses_become_blocks_and_stay_so() -> None:
    made = pl.DataFrame({"address": [*ADDRESSES, None]}).select(coarse((ADDRESS,)))
    assert made["address"].to_list() == [*ADDRESSES.values(), None]
    assert made.select(coarse((ADDRESS,))).equals(made)


def test_times_are_cut() -> None:
    at = datetime(2026, 5, 1, 8, 59, 59, 999999, tzinfo=UTC)
    rows = pl.DataFrame({"at": [at]})
    assert rows.select(coarse((AT,))).item() == at.replace(second=0, microsecond=0)
    assert rows.select(coarse((replace(AT, coarsen="hour"),))).item() == at.replace(minute=0, second=0, microsecond=0)


def test_rules_judge_what_came_and_no_exact_place_is_stored(inbox: Inbox) -> None:
    def call(number: int, **more: object) -> str:
        at = (datetime(2026, 5, 1, tzinfo=UTC) + timedelta(minutes=number)).isoformat()
        return json.dumps(
            {"incident_id": f"I{number}", "call_type": "EMS", "received_at": at, "lat": 40.1234567, "lon": -75.2345678} | more
        )

    rows = [call(0), call(1, lat=0, lon=0), call(2, lat=95.1234567), call(3, lat="40.1234567 N")]
    rows += [call(4, dispatched_at="2026-01-01T00:00:00Z"), call(5, lat=None), call(6)[:-3]]
    inbox.put("a.jsonl", "\n".join(rows) + "\n")
    inbox.land("emergency_calls", uri="a.jsonl", format="json_lines")
    codes = sorted(inbox.codes("emergency_calls"), key=str)
    assert codes == [
        ("malformed", None), ("out_of_range", "lat"), ("rule_broken", "dispatched_at_after_receipt"),
        ("rule_broken", "not_null_island"), ("wrong_type", "lat"),
    ]  # fmt: skip
    kept = inbox.raw("emergency_calls")
    assert kept["lat"].to_list() == [pytest.approx(40.1234567, abs=1e-3), None]
    assert kept["lon"][1] is None
    for clear in ("40.1234567", "75.2345678", "95.1234567"):
        assert where_found(Path(inbox.lake.root), clear) == []
