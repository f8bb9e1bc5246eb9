"""Measures days of one table: their exact numbers in one pass of DuckDB, a bounded sample, the rows at fault.

What is asked of them is said in `assets.suite`; nothing here knows a dataset or a rule.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import polars as pl

from assets.duck import aligned, connect, literal, quoted, relation
from assets.suite import DAY_NUMBER
from schemas.city import City
from schemas.contract import Contract
from schemas.lake import File, Lake

SAMPLE_SEED = 20
QUANTILE_ROWS = 10_000
QUANTILES = (0.05, 0.5, 0.95)
ONE_DAY = timedelta(days=1)


class Partitions:
    """Some days of one table, as the view `this` with the contract's columns and types.

    A column of another type is read as what it should be, where it can be. Every method raises duckdb.Error
    where files cannot be read.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, city: City, contract: Contract, layer: str, files: Sequence[File]) -> None:
        self.con, self.city, self.columns = con, city, contract.stage_columns(layer)
        self.keys = ", ".join(quoted(k) for k in contract.key)
        self.files: dict[date | None, list[File]] = {}
        for file in files:
            self.files.setdefault(file.event_date, []).append(file)

    def rows_told(self, day: date) -> int:
        """How many rows the table's own books give a day."""
        return sum(f.rows for f in self.files.get(day, ()))

    def show(self, days: Sequence[date]) -> None:
        """Make `this` the rows of these days, which all misfit alike, with the variables that checks and facts use.

        Those are lists with one entry per calendar day from `first_day`: where the day starts (microseconds since
        1970, UTC; one entry more, for the last day's end) and one in how many rows its quantiles are taken of.
        """
        calendar = [min(days) + n * ONE_DAY for n in range((max(days) - min(days)).days + 1)]
        starts = [round(self.city.day_start(d).timestamp() * 1_000_000) for d in [*calendar, calendar[-1] + ONE_DAY]]
        one_in = [max(1, self.rows_told(d) // QUANTILE_ROWS) for d in calendar]
        self.con.execute(f"SET VARIABLE first_day = DATE '{calendar[0]}'")
        self.con.execute(f"SET VARIABLE day_starts_us = {starts}::BIGINT[]")
        self.con.execute(f"SET VARIABLE one_in = {one_in}::UBIGINT[]")
        rows, _ = aligned(self.con, self._uris(days), self.columns, hive=True)
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW this AS {rows}")

    def _uris(self, days: Sequence[date]) -> list[str]:
        return [f.uri for day in days for f in self.files.get(day, ())]

    def misfits(self, days: Sequence[date]) -> dict[date, tuple[str, ...]]:
        """Which columns each day stores otherwise than the contract has them.

        All files' schemas come from one query; a day is looked at only where no other has the same ones.
        """
        uris = self._uris(days)
        kinds: dict[str, list[Any]] = {}
        if uris:
            said = "file_name, name, type, converted_type, logical_type"
            query = f"SELECT {said} FROM parquet_schema([{', '.join(map(literal, uris))}])"
            for uri, *column in self.con.sql(query).fetchall():
                kinds.setdefault(uri, []).append(tuple(column))
        known: dict[frozenset[Any], tuple[str, ...]] = {}
        out = {}
        for day in days:
            stored = frozenset(tuple(kinds.get(uri, [uri])) for uri in self._uris([day]))
            if stored not in known:
                known[stored] = tuple(aligned(self.con, self._uris([day]), self.columns, hive=True)[1])
            out[day] = known[stored]
        return out

    def measure(self, aggregates: Mapping[str, str], days: Sequence[date]) -> tuple[dict[date, dict[str, Any]], dict[str, str]]:
        """All aggregates, by day, in one pass over the days that `this` shows.

        Those that DuckDB cannot compute whatever the rows hold are told apart, with its words; so are, of one day
        alone, those that fail on its rows. Of several days, such rows raise duckdb.Error: ask about fewer.
        """
        errors: dict[str, str] = {}
        try:
            return self._by_day(aggregates, days), errors
        except duckdb.Error:
            for name, sql in aggregates.items():
                try:
                    asked = self.con.sql(f"SELECT {sql} FROM this")  # binds, and runs only when it is fetched
                    if len(days) == 1:
                        asked.fetchall()
                except duckdb.Error as error:
                    errors[name] = str(error)
            return self._by_day({n: sql for n, sql in aggregates.items() if n not in errors}, days), errors

    def _by_day(self, aggregates: Mapping[str, str], days: Sequence[date]) -> dict[date, dict[str, Any]]:
        picked = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in aggregates.items())
        if len(days) == 1:  # without groups, which take their time
            return {days[0]: self.con.sql(f"SELECT {picked} FROM this").pl().row(0, named=True)}
        rows = self.con.sql(f"SELECT event_date AS _day, {picked} FROM this GROUP BY event_date").pl().to_dicts()
        out = {row.pop("_day"): row for row in rows}
        if len(out) < len(days):
            nothing = self.con.sql(f"SELECT {picked} FROM this WHERE false").pl().row(0, named=True)
            out |= {day: dict(nothing) for day in days if day not in out}
        return out

    def count(self, query: str) -> int:
        """The one number that a query over `this` gives; NULL, as the sum of nothing, is 0."""
        row = self.con.sql(query).fetchone()
        return int((row[0] if row else 0) or 0)

    def sample(self, rows: int) -> pl.DataFrame:
        """So many of the rows of `this`: always the same ones of the same rows."""
        return self.con.sql(f"SELECT * FROM this ORDER BY hash({self.keys}, {SAMPLE_SEED}), {self.keys} LIMIT {rows}").pl()

    def rows_where(self, condition: str, limit: int) -> list[dict[str, Any]]:
        """The first rows, by key, for which a condition holds, JSON-safe."""
        return self.rows_of(f"SELECT * FROM this WHERE {condition} ORDER BY {self.keys}", limit)

    def rows_of(self, query: str, limit: int) -> list[dict[str, Any]]:
        """The first rows of a query, JSON-safe."""
        found = self.con.sql(f"SELECT * FROM ({query}) LIMIT {limit}").pl().to_dicts()
        return [{name: json_safe(value) for name, value in row.items()} for row in found]

    def filled(self, days: Sequence[date], names: Sequence[str]) -> dict[date, set[str]]:
        """Which of these columns held a value on each of these days; a day without rows is not in it."""
        uris = self._uris(days)
        stored = relation(uris, self.columns, hive=True)
        have = {name for name, *_ in self.con.sql(f"DESCRIBE {stored}").fetchall()} if uris else set()
        asked = [n for n in names if n in have]
        if not asked:
            return {}
        counts = ", ".join(f"count({quoted(n)})" for n in asked)
        rows = self.con.sql(f"SELECT event_date, {counts} FROM ({stored}) GROUP BY event_date").fetchall()
        return {day: {n for n, values in zip(asked, found, strict=True) if values} for day, *found in rows}


def facts(contract: Contract) -> dict[str, str]:
    """What is measured of every column beside the checks: nulls, distinct (approximate), range, quantiles.

    Quantiles are those of some ten thousand rows, chosen by their keys: always the same, at a tenth of the cost.
    """
    chosen = f"hash({', '.join(map(quoted, contract.key))}) % getvariable('one_in')[{DAY_NUMBER}] = 0"
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
def partitions(lake: Lake, city: City, contract: Contract, layer: str, days: Sequence[date]) -> Iterator[Partitions]:
    """Days of one table, and the days before them, open for measuring as the table is now."""
    files = lake.files(layer, contract.name, sorted({*days, *(d - ONE_DAY for d in days)}))
    with connect(lake) as con:
        con.execute("SET parquet_metadata_cache = true")  # a file's footer is asked for by every query
        yield Partitions(con, city, contract, layer, files)
