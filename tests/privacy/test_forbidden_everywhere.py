"""Forbidden content is refused in any field, at any depth, of any format, and stands in no file of the lake afterwards."""

import csv
import io
import json
import logging
import re
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.reference import load
from pipelines.sources.declared import of_reference
from schemas.errors import SourceError
from schemas.registry import references
from tests.landing.driver import Inbox, event
from tests.privacy.planted import PICTURES, SPELLINGS, WRAPPINGS, marks, picture, where_found

PLATE = "B-XY 12345 planted"
WRITTEN = [s for s in SPELLINGS if s != "lines"]

pictures = st.builds(
    lambda kind, spelling, wrapping, seed: ("note", WRAPPINGS[wrapping](SPELLINGS[spelling](picture(kind, 300, seed)))),
    st.sampled_from(sorted(PICTURES)), st.sampled_from(WRITTEN), st.sampled_from(sorted(WRAPPINGS)), st.integers(0, 99),
)  # fmt: skip
plates = st.sampled_from(["plate", "licencePlate", "kennzeichen", "vehiclePlateIdentifier"]).map(lambda n: (n, PLATE))
templates = st.integers(64, 200).map(lambda n: ("v", [round(i * 0.123456 % 1, 6) for i in range(n)]))
anything = st.one_of(pictures, plates, templates)


def deep(name: str, value: Any, levels: int) -> Any:
    """The value under its name, so many objects and arrays down."""
    told: Any = {name: value}
    for level in range(levels):
        told = [told] if level % 2 else {"more": told, "other": level}
    return told


def json_lines(rows: list[dict]) -> bytes:
    return b"".join(json.dumps(r).encode() + b"\n" for r in rows)


def comma_separated(rows: list[dict]) -> bytes:
    out = io.StringIO()
    names = list(dict.fromkeys(n for r in rows for n in r))
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    writer.writerows({n: v if isinstance(v, str | int | float) else json.dumps(v) for n, v in r.items()} for r in rows)
    return out.getvalue().encode()


def parquet(rows: list[dict]) -> bytes:
    out = io.BytesIO()
    pl.DataFrame(rows, infer_schema_length=None, strict=False).write_parquet(out)
    return out.getvalue()


def ngsi(rows: list[dict]) -> bytes:
    told = []
    for i, row in enumerate(rows):
        flow = {"id": f"{row['sensor_id']}{i}", "type": "TrafficFlowObserved", "dateObserved": row["observed_at"]}
        more = {k: {"type": "Any", "value": v} for k, v in row.items() if k not in ("observed_at", "sensor_id")}
        told.append(flow | more)
    return json.dumps(told).encode()


FORMATS = {
    "json_lines": (json_lines, {}),
    "json": (lambda rows: json.dumps({"data": rows}).encode(), {"records": "data"}),
    "csv": (comma_separated, {}),
    "parquet": (parquet, {}),
    "ngsi": (ngsi, {"type": "TrafficFlowObserved"}),
}


@pytest.mark.parametrize("fmt", FORMATS)
@given(anything, st.integers(0, 6), st.integers(0, 9), st.booleans())
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_row_with_forbidden_content_leaves_no_trace(
    fmt: str, planted: tuple[str, Any], levels: int, at: int, own: bool
) -> None:
    name, value = planted
    rows = [event(minute=i) for i in range(10)]
    # in a field that nobody asks for, or in one that is read
    place = {"sensor_id": value} if own and isinstance(value, str) and name == "note" else {"extra": deep(name, value, levels)}
    rows[at] |= place
    if fmt == "parquet":
        rows = [{**r, "extra": json.dumps(r.get("extra"))} for r in rows]
    write, block = FORMATS[fmt]
    with tempfile.TemporaryDirectory() as folder:
        inbox = Inbox(Path(folder))
        inbox.put("a.x", write(rows))
        inbox.land("traffic_flow", uri="a.x", format=fmt, **block)
        refused = inbox.refused("traffic_flow").filter(code="forbidden_content")
        assert refused.height == 1
        assert inbox.off_by() == 0
        for mark in marks(value):
            assert where_found(Path(inbox.lake.root), mark) == []
        if fmt != "ngsi":
            assert inbox.raw("traffic_flow").height == 9
        assert "[redacted: " in refused["payload"][0] and refused["found"][0].startswith("[redacted: ")


def test_rows_refused_for_another_reason_show_nothing_of_it(inbox: Inbox, caplog: pytest.LogCaptureFixture, capsys: Any) -> None:
    told = SPELLINGS["base64"](picture("jpeg", 4000))
    raw = picture("jpeg", 4000)
    cut = json.dumps(event(minute=1, note=told))[:-9].encode()
    lines = [json.dumps(event()).encode(), cut, b'{"a":"' + raw + b'"}', told.encode(), SPELLINGS["lines"](raw).encode()]
    inbox.put("a.jsonl", b"\n".join(lines) + b"\n")
    with caplog.at_level(logging.DEBUG):
        inbox.land("traffic_flow", uri="a.jsonl", format="json_lines")
    assert inbox.raw("traffic_flow").height == 1 and inbox.off_by() == 0
    said = caplog.text + "".join(capsys.readouterr())
    for mark in (told[100:130], told[2000:2030], SPELLINGS["lines"](raw)[200:230], "\\x".join(f"{b:02x}" for b in raw[300:306])):
        assert mark not in said
        assert where_found(Path(inbox.lake.root), mark) == []


def test_a_line_of_nuls_stays_as_it_came_whatever_stands_beside_it(inbox: Inbox) -> None:
    """A disk leaves them behind. They hide nothing, and a payload that depends on its neighbours cannot be found again."""
    nuls = "\x00" * 64
    for name, beside in (("a.jsonl", json.dumps(event())), ("b.jsonl", '{"sensor_id": "caf\xe9"}')):
        inbox.put(name, nuls.encode() + b"\n" + beside.encode("latin-1") + b"\n")
        inbox.land("traffic_flow", uri=name, format="json_lines")
    refused = inbox.refused("traffic_flow")
    assert sorted(refused["code"]) == ["malformed", "malformed", "not_utf8"]
    assert refused.filter(pl.col("code") == "malformed")["payload"].to_list() == [nuls, nuls]


def test_a_csv_with_a_column_of_plates(inbox: Inbox) -> None:
    rows = [event(minute=i, plate="" if i % 2 else f"B-XY {i}1234") for i in range(10)]
    broken = comma_separated(rows) + b"a,1,B-XY 91234\n"
    inbox.put("a.csv", broken)
    inbox.land("traffic_flow", uri="a.csv", format="csv")
    assert inbox.raw("traffic_flow").height == 5
    assert sorted(inbox.codes("traffic_flow")) == [("forbidden_content", "plate")] * 5 + [("malformed", None)]
    assert where_found(Path(inbox.lake.root), "B-XY") == []


def test_parquet_of_bytes_and_lists(inbox: Inbox) -> None:
    rows = pl.DataFrame([event(minute=i) for i in range(4)]).with_columns(
        thumbnail=pl.Series([None, picture("png"), b"\x00" * 50, None], dtype=pl.Binary),
        v=pl.Series([[0.5] * 3, None, None, [0.25] * 128], dtype=pl.List(pl.Float64)),
    )
    out = io.BytesIO()
    rows.write_parquet(out)
    inbox.put("a.parquet", out.getvalue())
    inbox.land("traffic_flow", uri="a.parquet", format="parquet")
    assert inbox.codes("traffic_flow") == [("forbidden_content", "thumbnail"), ("forbidden_content", "v")]
    assert inbox.raw("traffic_flow").height == 2


def test_an_element_of_xml(inbox: Inbox) -> None:
    sample = Path(__file__).parents[1] / "samples" / "traffic_flow" / "datex2"
    good = next(sample.glob("*.pass.xml")).read_bytes()
    told = SPELLINGS["base64"](picture("jpeg"))
    inbox.put("good.xml", good)
    inbox.land("traffic_flow", uri="good.xml", format="datex2")
    kept = inbox.raw("traffic_flow").height
    planted = re.sub(rb"(</[\w:]*siteMeasurements>)", b"<extension><p>" + told.encode() + rb"</p></extension>\1", good, count=1)
    inbox.put("bad.xml", planted)
    inbox.land("traffic_flow", uri="bad.xml", format="datex2")
    assert inbox.refused("traffic_flow")["code"].unique().to_list() == ["forbidden_content"]
    assert inbox.raw("traffic_flow").height < 2 * kept and inbox.off_by() == 0
    assert where_found(Path(inbox.lake.root), told[100:130]) == []


def test_what_a_contract_does_not_forbid_is_let_through(inbox: Inbox) -> None:
    row = {"vehicle_id": "1", "observed_at": "2026-05-01T08:00:00Z", "lat": 52.5, "lon": 13.4, "license_plate": "B-XY 1"}
    inbox.put("a.jsonl", json_lines([row, row | {"note": SPELLINGS["base64"](picture("png"))}]))
    inbox.land("transit_vehicles", uri="a.jsonl", format="json_lines")
    assert inbox.codes("transit_vehicles") == [("forbidden_content", "note")]


def test_a_reference_table_with_a_picture_is_refused_without_it(inbox: Inbox) -> None:
    told = SPELLINGS["base64"](picture("jpeg"))
    rows = [{"sensor_id": "a", "valid_from": "2000-01-01T00:00:00Z", "road": told}]
    inbox.put("sensors.csv", comma_separated(rows))
    contract = references()["sensors"]
    source = of_reference(contract, {"uri": "sensors.csv", "format": "csv"}, inbox.folder / "inbox")
    with pytest.raises(SourceError, match="forbidden_content") as caught:
        load(inbox.lake, inbox.city, contract, source)
    assert told[:24] not in str(caught.value)
