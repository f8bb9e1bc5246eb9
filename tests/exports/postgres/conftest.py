"""A PostgreSQL for all tests of a file, a schema of its own for each test, and lakes to export there."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import polars as pl
import pytest

from assets.exports import postgres
from assets.exports.postgres_target import Target
from assets.publishing.gate import release
from schemas.lake import Lake
from schemas.registry import table_contracts
from tests.exports.postgres.shelf import Shelf
from tests.exports.postgres_server import MISSING, Server, running
from tests.good_rows import DAY, good_rows, put

COUNTER = count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if MISSING:
        pytest.skip(MISSING)
    with running() as started:
        yield started


@pytest.fixture
def to(server: Server) -> Target:
    return Target(server.socket_uri, f"lake_{next(COUNTER)}")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A lake of tables made by hand, which is what an export then sees."""
    made = Shelf(tmp_path / "it's a shelf")
    monkeypatch.setattr(postgres, "snapshot", made.snapshot)
    return made


@pytest.fixture
def full(lake: Lake) -> Lake:
    """A lake in which every metric and reference table holds rows; of metrics about people, what the gate lets through."""
    for name, contract in table_contracts().items():
        layer = name.split(".")[0]
        if layer in ("metrics", "reference"):
            frame = good_rows(contract, layer)
            dated = frame.with_columns(pl.lit(DAY).alias(k) for k in contract.key if contract[k].kind == "date")
            if layer == "metrics":
                put(lake, contract, layer, dated)
            else:
                part = lake.write_part(layer, contract.name, None, "a", dated)
                lake.replace_table(layer, contract.name, contract.arrow_schema(layer), part)
    release(lake)
    return lake
