"""Measures one partition: its exact numbers in one pass of DuckDB, a bounded sample, the rows at fault.

What is asked of a partition is said in `assets.suite`; nothing here knows a dataset or a rule.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import duckdb

from assets.duck import aligned, connect, quoted, relation
from schemas.city import City
from schemas.contract import Contract
from schemas.lake import Lake

SAMPLE_ROWS = 1000
SAMPLE_SEED = 20
QUANTILE_ROWS = 10_000
QUANTILES = (0.05, 0.5, 0.95)


class Partition:
    """One day of one table, as the view `this` with the contract's columns and types.

    A column of another type is read as what it should be, where it can be; `misfits` names it.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, contract: Contract, layer: str) -> None:
        self.con, self.contract, self.columns = con, contract, contract.stage_columns(layer)
        self.misfits: list[str] = []
        self.uris: list[str] = []
        self.before: list[str] = []
        self.rows_told = 0

    def define(self, city: City, day: date) -> None:
        """Create the view and the variables that bound the day (microseconds since 1970, UTC)."""
        start = city.day_start(day)
        for name, instant in (("day_start_us", start), ("day_end_us", city.day_start(day + timedelta(days=1)))):
            self.con.execute(f"SET VARIABLE {name} = {round(instant.timestamp() * 1_000_000)}::BIGINT")
        self.con.execute(f"SET VARIABLE one_in = {max(1, self.rows_told // QUANTILE_ROWS)}::UBIGINT")
        rows, self.misfits = aligned(self.con, self.uris, self.columns, hive=True)
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW this AS {rows}")

    def measure(self, aggregates: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
        """All aggregates in one pass. Those that DuckDB cannot compute are told apart, with its words."""
        try:
            return self._one_row(aggregates), {}
        except duckdb.Error:
            values: dict[str, Any] = {}
            errors: dict[str, str] = {}
            for name, sql in aggregates.items():
                try:
                    values |= self._one_row({name: sql})
                except duckdb.Error as error:
                    errors[name] = str(error)
            return values, errors

    def _one_row(self, aggregates: Mapping[str, str]) -> dict[str, Any]:
        picked = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in aggregates.items())
        return self.con.sql(f"SELECT {picked} FROM this").pl().row(0, named=True)

    def count(self, query: str) -> int:
        """The one number that a query over `this` gives; NULL, as the sum of nothing, is 0."""
        row = self.con.sql(query).fetchone()
        return int((row[0] if row else 0) or 0)

    def sample(self) -> Any:
        """At most SAMPLE_ROWS rows as a pandas frame: always the same ones of the same rows."""
        keys = ", ".join(quoted(k) for k in self.contract.key)
        order = f"hash({keys}, {SAMPLE_SEED}), {keys}"
        return self.con.sql(f"SELECT * FROM this ORDER BY {order} LIMIT {SAMPLE_ROWS}").pl().to_pandas()

    def rows_where(self, condition: str, limit: int) -> list[dict[str, Any]]:
        """The first rows, by key, for which a condition holds, JSON-safe."""
        keys = ", ".join(quoted(k) for k in self.contract.key)
        return self.rows_of(f"SELECT * FROM this WHERE {condition} ORDER BY {keys}", limit)

    def rows_of(self, query: str, limit: int) -> list[dict[str, Any]]:
        """The first rows of a query, JSON-safe."""
        found = self.con.sql(f"SELECT * FROM ({query}) LIMIT {limit}").pl().to_dicts()
        return [{name: json_safe(value) for name, value in row.items()} for row in found]

    def filled_before(self, names: Sequence[str]) -> set[str]:
        """Which of these columns held a value in the day before."""
        stored = relation(self.before, self.columns, hive=True)
        have = {name for name, *_ in self.con.sql(f"DESCRIBE {stored}").fetchall()}
        asked = [n for n in names if n in have]
        if not asked:
            return set()
        counts = self.con.sql(f"SELECT {', '.join(f'count({quoted(n)})' for n in asked)} FROM ({stored})").fetchone()
        return {n for n, filled in zip(asked, counts or (), strict=True) if filled}


def facts(contract: Contract) -> dict[str, str]:
    """What is measured of every column beside the checks: nulls, distinct (approximate), range, quantiles.

    Quantiles are those of some ten thousand rows, chosen by their keys: always the same, at a tenth of the cost.
    """
    chosen = f"hash({', '.join(map(quoted, contract.key))}) % getvariable('one_in') = 0"
    out: dict[str, str] = {}
    for column in contract.columns:
        name = quoted(column.name)
        out[f"{column.name}.nulls"] = f"count(*) - count({name})"
        out[f"{column.name}.distinct"] = f"approx_count_distinct({name})"
        if column.kind != "bool":
            out[f"{column.name}.min"], out[f"{column.name}.max"] = f"min({name})", f"max({name})"
        if column.kind == "float":
            out[f"{column.name}.quantiles"] = f"quantile_cont({name}, {list(QUANTILES)}) FILTER (WHERE {chosen})"
    return out


def json_safe(value: Any) -> Any:
    """A value as JSON can hold it: instants in ISO 8601, numbers that are no numbers as text."""
    if hasattr(value, "item"):  # a numpy scalar
        value = value.item()
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [json_safe(v) for v in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


@contextmanager
def partition(lake: Lake, city: City, contract: Contract, layer: str, day: date) -> Iterator[Partition]:
    """One day of one table, open for measuring.

    Raises duckdb.Error where its files cannot be read.
    """
    yesterday = day - timedelta(days=1)
    files = lake.files(layer, contract.name, [yesterday, day])
    with connect(lake) as con:
        opened = Partition(con, contract, layer)
        opened.uris = [f.uri for f in files if f.event_date == day]
        opened.rows_told = sum(f.rows for f in files if f.event_date == day)
        opened.before = [f.uri for f in files if f.event_date == yesterday]
        opened.define(city, day)
        yield opened
