"""A contract that contradicts itself is refused with where, what was found and what to do."""

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
import pytest

from schemas.column import POLARS, Column
from schemas.contract import STAGE_COLUMNS, Contract
from schemas.errors import ContractError

GOOD = Contract(
    name="door_counts",
    layer="feed",
    domain="test",
    version=1,
    doc="One door.",
    columns=(
        Column("door_id", "string", "door", nullable=False),
        Column("ended_at", "instant", "end", nullable=False),
        Column("interval_s", "int", "length", unit="s", minimum=1),
        Column("people", "int", "people", unit="1", minimum=0, maximum=10),
    ),
    key=("door_id", "ended_at"),
    event_time="ended_at",
    interval="interval_s",
    stamped="end",
)


@pytest.mark.parametrize(
    ("column", "found", "remedy"),
    [
        (Column("speed_kmh", "float", "", minimum=250, maximum=0), "minimum 250 is above maximum 0", "swap the bounds"),
        (Column("speed_kmh", "text", ""), "type 'text' is unknown", "string, int, float"),  # type: ignore[arg-type]
        (Column("speed_kmh", "string", "", minimum=0), "bounds on a string", "belong to numbers"),
        (Column("speed_kmh", "int", "", allowed=("1",)), "allowed values or pattern on a int", "belong to strings"),
        (Column("speed_kmh", "float", "", pattern="x"), "allowed values or pattern on a float", "belong to strings"),
        (Column("speed_kmh", "string", "", privacy="coarsen"), "coarsen=None on a column that is coarsen", "go together"),
    ],
)
def test_a_column_that_contradicts_itself_is_refused_in_three_parts(column: Column, found: str, remedy: str) -> None:
    with pytest.raises(ContractError) as caught:
        GOOD.with_columns(column)
    error = caught.value
    assert error.where == "feed door_counts, column speed_kmh"
    assert found in error.found
    assert remedy in error.remedy
    assert str(error) == f"{error.where}: {error.found}; {error.remedy}."


@pytest.mark.parametrize(
    ("change", "where", "found"),
    [
        ({"columns": (*GOOD.columns, GOOD.columns[0])}, "feed door_counts", "column door_id is declared twice"),
        ({"key": ("door",)}, "feed door_counts", "key names door, which is no column"),
        ({"event_time": "seen_at"}, "feed door_counts", "event_time names seen_at"),
        ({"interval": "length_s"}, "feed door_counts", "interval names length_s"),
        ({"key": ("people",)}, "feed door_counts, column people", "a key column is nullable"),
        ({"event_time": None}, "feed door_counts", "a feed without event_time"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused_in_three_parts(change: dict, where: str, found: str) -> None:
    with pytest.raises(ContractError) as caught:
        replace(GOOD, **change)
    assert caught.value.where == where
    assert found in caught.value.found
    assert caught.value.remedy


def test_every_kind_has_a_polars_type_that_survives_arrow() -> None:
    columns = tuple(Column(kind, kind, "") for kind in POLARS)  # type: ignore[arg-type]
    contract = replace(GOOD, columns=(*GOOD.columns, *columns))
    frame = pl.DataFrame(schema=contract.polars_schema())
    assert dict(pl.DataFrame(pl.from_arrow(frame.to_arrow())).schema) == contract.polars_schema()


def test_the_label_says_meaning_unit_and_formula() -> None:
    assert Column("v", "float", "speed", unit="km/h", formula="s / t").label == "speed [km/h] = s / t"
    assert Column("v", "float", "speed").label == "speed"


@pytest.mark.parametrize("layer", STAGE_COLUMNS)
def test_a_layer_adds_its_columns_round_the_contracts_own(layer: str) -> None:
    names = [c.name for c in GOOD.stage_columns(layer)]
    start = names.index("door_id")
    assert names[start : start + len(GOOD.columns)] == GOOD.names
    assert len(names) == len(set(names))
    assert ("event_date" in names) == (layer != "reference")
    assert ("_source" in names) == (layer in ("raw", "refined"))


def test_a_layer_does_not_repeat_a_column_the_contract_has() -> None:
    contract = GOOD.with_columns(Column("local_time", "local_time", "own"))
    assert [c.doc for c in contract.stage_columns("refined") if c.name == "local_time"] == ["own"]


def test_the_arrow_schema_carries_meaning_and_unit() -> None:
    schema = GOOD.arrow_schema("raw")
    assert schema.field("people").metadata == {b"doc": b"people", b"unit": b"1"}
    assert schema.field("ended_at").type == pa.timestamp("us", "UTC")
    assert not any(pa.types.is_large_string(f.type) or pa.types.is_string_view(f.type) for f in schema)


@pytest.mark.parametrize(("stamped", "start"), [("end", 45), ("start", 60)])
def test_an_interval_starts_where_its_stamp_says(stamped: str, start: int) -> None:
    frame = pl.DataFrame({"ended_at": [datetime(2026, 5, 1, 1, tzinfo=UTC)], "interval_s": [900]})
    begun = frame.select(replace(GOOD, stamped=stamped).starts_at().dt.epoch("s")).item()  # type: ignore[arg-type]
    assert begun == datetime(2026, 5, 1, tzinfo=UTC).timestamp() + start * 60


def test_a_point_event_starts_at_its_event_time() -> None:
    at = datetime(2026, 5, 1, 1, tzinfo=UTC)
    frame = pl.DataFrame({"ended_at": [at]})
    assert frame.select(replace(GOOD, interval=None).starts_at()).item() == at
