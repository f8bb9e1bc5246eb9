"""What a metric's SQL sees: one view per lake table it reads, the days asked for, the ledger, and the thresholds.

No metric is named here and nothing is written to the lake.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from importlib import resources

import duckdb
import polars as pl

from assets import duck
from assets.dependencies import LEDGER, macros
from assets.duck import aligned, literal
from assets.held import Held, held
from schemas import ledger, registry
from schemas.city import City
from schemas.lake import PARTITIONED, File, Lake

QUARTER_S = 900


def limits(lake: Lake) -> pl.DataFrame:
    """Every limit with name, value, unit and source: the packaged ones, but the city's own `reference/thresholds` first."""
    packaged = pl.read_csv(resources.files("schemas.reference") / "thresholds.csv")  # type: ignore[arg-type]
    packaged = packaged.with_columns(pl.col("value").cast(pl.Float64))
    own = lake.scan("reference", "thresholds")
    if own is None:
        return packaged
    named = own.select(packaged.columns).sort("name", "value").collect()
    return pl.concat([packaged, named.cast(packaged.schema)]).unique("name", keep="last", maintain_order=True)


def thresholds(lake: Lake) -> dict[str, float]:
    """Every limit by name."""
    return dict(limits(lake).select("name", "value").rows())


def ledger_lines(lake: Lake) -> pl.DataFrame:
    """The ledger's lines in force, with `day`: the events' own, or the day of receipt where a refused row told none."""
    lines = ledger.lines(lake).with_columns(pl.coalesce("event_date", "received_date").alias("day"))
    return lines.drop("recorded_at").sort(pl.all(), nulls_last=True)


@dataclass(frozen=True)
class Inputs:
    """What a metric reads, looked up once, so that a day's digest and its SQL speak of the same files.

    Attributes:
        files: current files of each `layer.name`.
        books: the ledger's lines, where the metric reads them.
        limits: every threshold by name.
    """

    files: dict[str, list[File]]
    books: pl.DataFrame | None
    limits: dict[str, float]

    @cached_property
    def _by_day(self) -> dict[str, dict[date | None, list[File]]]:
        grouped: dict[str, dict[date | None, list[File]]] = {t: {} for t in self.files}
        for table, files in self.files.items():
            for file in files:
                grouped[table].setdefault(file.event_date, []).append(file)
        return grouped

    @cached_property
    def held(self) -> dict[str, Held]:
        """What each table holds by day."""
        return {t: held(files) for t, files in self.files.items()}

    def spans(self, first: date, last: date) -> dict[str, tuple[date, date]]:
        """The first and the last partition of each table that a span of days reaches."""
        contracts = registry.table_contracts()
        return {t: (contracts[t].partition_of(first), contracts[t].partition_of(last)) for t in self.files}

    @cached_property
    def books_by_day(self) -> dict[date, list[str]]:
        """The ledger's lines of each day as text."""
        if self.books is None:
            return {}
        line = pl.concat_str(pl.all().cast(pl.String).fill_null("-"), separator="|").alias("line")
        return dict(self.books.select("day", line).group_by("day", maintain_order=True).agg("line").rows())

    def reaching(self, days: Iterable[date]) -> dict[str, list[File]]:
        """The files that hold some days, and all that are not kept by day."""
        reach = list(days)
        return {t: [f for d in (None, *_partitions(t, reach)) for f in by_day.get(d, ())] for t, by_day in self._by_day.items()}


def inputs(lake: Lake, tables: Iterable[str], days: Iterable[date]) -> Inputs:
    """Look up what the tables hold for some days."""
    wanted, found = list(days), {}
    for table in sorted(set(tables) - {LEDGER}):
        layer, name = table.split(".")
        found[table] = lake.files(layer, name, _partitions(table, wanted) if layer in PARTITIONED else None)
    return Inputs(found, ledger_lines(lake) if LEDGER in tables else None, thresholds(lake))


def connect(
    lake: Lake, city: City, days: Sequence[date], seen: Inputs, reach: Sequence[date] | None = None
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection that shows the lake as a metric's SQL sees it.

    Schemas `refined`, `reference` and `metrics` hold a view per table of `seen`, over the files of the days in `reach`
    (without it, of the days); a table that does not exist yet is an empty one with its contract's types. Tables
    `days(event_date, starts_at, ends_at, seconds)` and `quarters(event_date, quarter, bin_at, local_time, seconds)`
    hold the requested local days; `ledger` the books, where asked for. Macros: `threshold(name)` and those of
    `assets/macros.sql`; variable `zone`.
    """
    con = duck.connect(lake)
    con.execute("SET VARIABLE zone = " + literal(city.zone))
    cases = "".join(f" WHEN {literal(n)} THEN {v!r}::DOUBLE" for n, v in sorted(seen.limits.items()))
    con.execute(f"CREATE MACRO threshold(named) AS CASE named{cases} END")
    for macro in macros().values():
        con.execute(macro)
    _calendar(con, city, days)
    for layer in ("refined", "reference", "metrics", "views"):
        con.execute(f"CREATE SCHEMA {layer}")
    for table, files in seen.reaching(days if reach is None else reach).items():
        con.execute(f"CREATE VIEW {table} AS {_relation(con, table, files)}")
    if seen.books is not None:
        _keep(con, LEDGER, seen.books)
    return con


def _partitions(table: str, days: Iterable[date]) -> list[date]:
    """The partitions of a table that hold some days, sorted: of a metric of months, the months."""
    contract = registry.table_contracts()[table]
    return sorted({contract.partition_of(d) for d in days})


def _relation(con: duckdb.DuckDBPyConnection, table: str, files: Sequence[File]) -> str:
    """A SELECT with the columns and types of the table's contract, over its files."""
    layer = table.split(".", maxsplit=1)[0]
    columns = registry.table_contracts()[table].stage_columns(layer)
    return aligned(con, [f.uri for f in files], columns, hive=layer in PARTITIONED)[0]


def _calendar(con: duckdb.DuckDBPyConnection, city: City, days: Sequence[date]) -> None:
    """The requested local days, and their quarter hours as the wall clock shows them."""
    utc = pl.Datetime("us", "UTC")
    frame = pl.DataFrame(
        [(d, city.day_start(d).timestamp(), city.day_start(d + timedelta(days=1)).timestamp()) for d in sorted(set(days))],
        schema={"event_date": pl.Date, "from_s": pl.Float64, "to_s": pl.Float64},
        orient="row",
    ).with_columns((pl.col("to_s") - pl.col("from_s")).cast(pl.Int64).alias("seconds"))
    instants = [
        (pl.col(c) * 1_000_000).cast(pl.Int64).cast(utc).alias(n) for c, n in (("from_s", "starts_at"), ("to_s", "ends_at"))
    ]
    calendar = frame.select("event_date", *instants, "seconds")
    quarters = (
        calendar.with_columns(pl.int_ranges(0, (pl.col("seconds") + QUARTER_S - 1) // QUARTER_S).alias("quarter"))
        .explode("quarter")
        .with_columns((pl.col("starts_at") + pl.duration(seconds=pl.col("quarter") * QUARTER_S)).alias("bin_at"))
        .select(
            "event_date",
            "quarter",
            "bin_at",
            city.local(pl.col("bin_at")).alias("local_time"),
            pl.min_horizontal(pl.lit(QUARTER_S), pl.col("seconds") - pl.col("quarter") * QUARTER_S).alias("seconds"),
        )
    )
    _keep(con, "days", calendar)
    _keep(con, "quarters", quarters)


def _keep(con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    con.register("incoming", frame.to_arrow())
    con.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")
    con.unregister("incoming")
