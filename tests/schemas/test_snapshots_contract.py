"""What a contract of snapshots must say, and what its tables have besides. How versions are told is tested in tests/landing."""

from dataclasses import replace

import pytest

from schemas.column import Column
from schemas.contract import Contract, Described
from schemas.errors import ContractError

PUBLISHED = Column("snapshot_at", "instant", "publication", nullable=False, from_receipt=True, of_delivery=True)
GOOD = Contract(
    name="permits",
    layer="feed",
    domain="services",
    version=1,
    doc="permits",
    kind="snapshots",
    columns=(
        Column("permit_id", "string", "permit", nullable=False),
        Column("granted_at", "instant", "granted", nullable=False),
        PUBLISHED,
    ),
    key=("permit_id",),
    event_time="granted_at",
)


def test_refined_tells_versions_apart_and_raw_whose_table_a_row_is_of() -> None:
    names = {layer: [c.name for c in GOOD.stage_columns(layer)] for layer in ("raw", "refined", "metrics")}
    assert GOOD.key_in("refined") == ("permit_id", "valid_from")
    assert GOOD.key_in("raw") == ("permit_id",)
    assert {"valid_from", "valid_to", "_table"} <= set(names["refined"])
    assert "_table" in names["raw"] and "valid_from" not in names["raw"]
    assert "_table" not in names["metrics"]
    events = replace(GOOD, kind="events")
    assert not {"valid_from", "valid_to", "_table"} & {c.name for c in events.stage_columns("refined")}
    assert events.key_in("refined") == ("permit_id",)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"columns": GOOD.columns[:2]}, "without snapshot_at"),
        ({"columns": (*GOOD.columns[:2], replace(PUBLISHED, of_delivery=False))}, "without snapshot_at"),
        ({"columns": (*GOOD.columns[:2], replace(PUBLISHED, nullable=True))}, "without snapshot_at"),
        ({"described": Described("sensors", on="permit_id", clock="clock_offset_s")}, "devices that are corrected"),
    ],
)
def test_a_contract_of_snapshots_that_cannot_be_is_refused(change: dict, found: str) -> None:
    with pytest.raises(ContractError) as caught:
        replace(GOOD, **change)
    assert found in caught.value.found


def test_only_an_instant_without_default_comes_from_the_receipt() -> None:
    with pytest.raises(ContractError, match="from_receipt on a string"):
        replace(GOOD, columns=(*GOOD.columns, Column("a", "string", "", from_receipt=True)))
