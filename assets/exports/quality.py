"""The schema `quality`: what of the lake is to be trusted, as tables made when they are asked for.

The lines of the books are the lake's own table. Gates and books are kept elsewhere; here they are only laid side by side.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import duckdb
import polars as pl

from assets import verdicts
from assets.duck import SQL_TYPES, aligned, quoted
from assets.exports.snapshot import Table
from schemas import ledger
from schemas.column import Column
from schemas.lake import Lake
from schemas.registry import feeds, metrics, table_contracts
from schemas.rejection import MEANING, Code

GATED = ("raw", "refined", "metrics")
LAYER = Column("layer", "string", "schema of the table: raw, refined, metrics, reference, quarantine or quality", nullable=False)
TABLE = Column("table_name", "string", "name of the table", nullable=False)
FEED = Column("feed", "string", "feed", nullable=False)
STAGE = Column("stage", "string", "land or refine", nullable=False)
DAY = Column("event_date", "date", "day of the events; empty where a refused row told none")


@dataclass(frozen=True)
class Made:
    """A table that is made, not read: `rows()` gives its rows, in its columns' order."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    rows: Callable[[], pl.DataFrame]
    key: tuple[str, ...] = ()

    def create(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make it a table of the database in use."""
        con.register("made", self.rows().to_arrow())
        picked = ", ".join(f"CAST({quoted(c.name)} AS {SQL_TYPES[c.kind]}) AS {quoted(c.name)}" for c in self.columns)
        order = f" ORDER BY {', '.join(map(quoted, self.key))}" if self.key else ""
        con.execute(f"CREATE TABLE quality.{quoted(self.name)} AS SELECT {picked} FROM made{order}")
        con.unregister("made")


def quality(con: duckdb.DuckDBPyConnection, lake: Lake, tables: list[Table]) -> list[Made]:
    """Every table of the schema but the ledger; `con` reads the lake's files."""
    made = [
        Made("balance", BALANCE_DOC, BALANCE, lambda: _balance(lake), ("feed", "stage", "event_date")),
        Made("refused", REFUSED_DOC, REFUSED, lambda: _refused(con, tables), ("feed", "stage", "event_date", "code")),
        Made("gates", GATES_DOC, GATES, lambda: gates(lake, tables), ("layer", "table_name", "event_date")),
        Made("tables", TABLES_DOC, TABLES, lambda: _tables(con, lake, tables), ("layer", "table_name")),
        Made("thresholds", THRESHOLDS_DOC, THRESHOLDS, lambda: thresholds(lake), ("name",)),
        Made("sources", "Standards and papers behind each table.", SOURCES, lambda: _sources(tables), ("layer", "table_name")),
    ]  # fmt: skip
    doc, key = "Every column of every table, and what it means.", ("layer", "table_name", "position")
    columns = Made("columns", doc, COLUMNS, lambda: _columns([*tables, *made, columns]), key)
    return [*made, columns]


BALANCE_DOC = (
    "The books by feed, stage and day, compared with what the tables hold: taken = kept + rejected + repeated + superseded."
)
BALANCE = (
    FEED, STAGE, DAY,
    *(c for c in ledger.COLUMNS if c.name in (*ledger.COUNTS, "late", "filtered")),
    Column("off_by", "int", "rows unaccounted for, in the books or in raw, refined and quarantine beside them; 0 is right",
           unit="rows", nullable=False, formula="taken - kept - rejected - repeated - superseded, and rows held that differ"),
)  # fmt: skip


def _balance(lake: Lake) -> pl.DataFrame:
    place = ["feed", "stage", "event_date"]
    more = ledger.lines(lake).group_by(place).agg(pl.col("late", "filtered").sum())
    return (
        ledger.balance(lake)
        .join(more, on=place, how="left", nulls_equal=True)
        .with_columns(pl.col("late", "filtered").fill_null(0))
    )


REFUSED_DOC = "Rows that were refused, counted by reason. The rows themselves are in quality.refused_rows."
REFUSED = (
    FEED, STAGE, DAY,
    Column("code", "string", "reason, from the closed list", nullable=False),
    Column("meaning", "string", "the reason in words"),
    Column("column_name", "string", "column at fault, or name of the broken rule"),
    Column("rows", "int", "refused rows", unit="rows", nullable=False),
)  # fmt: skip


def _refused(con: duckdb.DuckDBPyConnection, tables: list[Table]) -> pl.DataFrame:
    parts = [pl.DataFrame(schema={c.name: c.dtype for c in REFUSED if c.name != "meaning"})]
    for table in tables:
        if table.layer == "quarantine" and table.files:
            rows, _ = aligned(con, table.uris, table.columns, table.hive)
            counted = f'SELECT stage, event_date, code, "column" AS column_name, count(*) AS rows FROM ({rows}) GROUP BY ALL'
            parts.append(con.sql(counted).pl().select(pl.lit(table.name).alias("feed"), pl.all()))
    meaning = {code.value: MEANING[code] for code in Code}
    return pl.concat(parts, how="vertical_relaxed").with_columns(
        pl.col("code").replace_strict(meaning, default=None, return_dtype=pl.String).alias("meaning")
    )


GATES_DOC = "What the gates said of each day of each table, of the rows as they are now."
GATES = (
    LAYER, TABLE, DAY,
    Column("verdict", "string", "passed; warning: told, and no more; critical: what comes after waits; unjudged: not asked yet",
           nullable=False, allowed=("passed", "warning", "critical", "unjudged")),
)  # fmt: skip


def gates(lake: Lake, tables: Iterable[Table]) -> pl.DataFrame:
    """Verdicts by layer, table and day."""
    said = []
    for table in tables:
        if table.layer in GATED and table.name in feeds() | metrics():
            # gates judge what was measured; of metrics about people the table holds what was released of it
            gated = table.layer == "metrics" and table_contracts()[f"{table.layer}.{table.name}"].is_gated
            current = verdicts.digests(table.layer, table.name, lake.files(table.layer, table.name) if gated else table.files)
            known = verdicts.known(lake, table.layer, table.name, current) if current else {}
            said += [(table.layer, table.name, day, known.get(day, "unjudged")) for day in current]
    return pl.DataFrame(said, schema={c.name: c.dtype for c in GATES}, orient="row")


TABLES_DOC = "Every table: how much it holds, of which days, and how fresh it is."
TABLES = (
    LAYER, TABLE,
    Column("domain", "string", "part of the city's life that it belongs to", nullable=False),
    Column("doc", "string", "what one row is", nullable=False),
    Column("key", "string", "columns that tell rows apart, with commas between"),
    Column("contract_version", "int", "version of the contract that describes it", nullable=False),
    Column("rows", "int", "rows in the lake's files", unit="rows", nullable=False),
    Column("bytes", "int", "size of the lake's files", unit="B", nullable=False),
    Column("days", "int", "days that have rows", unit="d", nullable=False),
    Column("first_date", "date", "first of them"),
    Column("last_date", "date", "last of them"),
    Column("newest_event_at", "instant", "newest event, or start of the newest bin"),
    Column("newest_landing_at", "instant", "when rows of the feed were landed last"),
    Column("written_at", "instant", "when the newest file was written"),
)  # fmt: skip


def _tables(con: duckdb.DuckDBPyConnection, lake: Lake, tables: list[Table]) -> pl.DataFrame:
    landed = ledger.lines(lake).filter((pl.col("stage") == "land") & (pl.col("kept") > 0))
    landed_at = dict(landed.group_by("feed").agg(pl.col("recorded_at").max()).rows())
    said = []
    for t in tables:
        days = sorted({f.event_date for f in t.files if f.event_date and f.rows})
        written_ms = max((f.written_ms for f in t.files), default=None)
        said.append(
            {
                "layer": t.layer, "table_name": t.name, "domain": t.domain, "doc": t.doc, "key": ", ".join(t.order),
                "contract_version": t.version, "rows": sum(f.rows for f in t.files), "bytes": sum(f.bytes for f in t.files),
                "days": len(days), "first_date": days[0] if days else None, "last_date": days[-1] if days else None,
                "newest_event_at": _newest(con, t), "written_at": written_ms,
                "newest_landing_at": landed_at.get(t.name) if t.layer in ("raw", "refined") else None,
            }
        )  # fmt: skip
    schema = {c.name: c.dtype for c in TABLES} | {"newest_event_at": pl.Int64(), "written_at": pl.Int64()}
    numbers = ("newest_event_at", pl.col("newest_event_at")), ("written_at", 1000 * pl.col("written_at"))
    instants = [us.cast(pl.Datetime("us", "UTC")).alias(name) for name, us in numbers]
    return pl.DataFrame(said, schema=schema).with_columns(instants)


def _newest(con: duckdb.DuckDBPyConnection, table: Table) -> int | None:
    """The newest event of the last day, in microseconds since 1970, by the feed's event time or the instant in a metric's key."""
    last = max((f.event_date for f in table.files if f.event_date and f.rows), default=None)
    contract = table_contracts().get(f"{table.layer}.{table.name}")
    instants = [c.name for c in table.columns if c.kind == "instant" and c.name in table.key]
    column = (contract.event_time if contract else None) or next(iter(instants), None)
    if last is None or column is None:
        return None
    rows, _ = aligned(con, [f.uri for f in table.files if f.event_date == last], table.columns, table.hive)
    return con.sql(f"SELECT epoch_us(max({quoted(column)})) FROM ({rows})").fetchall()[0][0]


THRESHOLDS_DOC = "Every limit that metrics and alerts judge by, as it is in force."
THRESHOLDS = (
    Column("name", "string", "limit", nullable=False),
    Column("value", "float", "value, in its unit", nullable=False),
    Column("unit", "string", "unit of the value"),
    Column("source", "string", "where the value is from"),
    Column("edition", "string", "edition of the source"),
)


def thresholds(lake: Lake) -> pl.DataFrame:
    """Every limit with its source."""
    from assets.relations import limits  # it parses SQL, which little else of an export does

    return limits(lake)


SOURCES = (LAYER, TABLE, Column("source", "string", "standard or paper, with edition", nullable=False))
COLUMNS = (
    LAYER, TABLE,
    Column("column_name", "string", "name of the column", nullable=False),
    Column("position", "int", "its place in the table, from 1", nullable=False),
    Column("type", "string", "DuckDB's type", nullable=False),
    Column("unit", "string", "unit of its values"),
    Column("doc", "string", "what it means", nullable=False),
    Column("formula", "string", "how it is computed"),
    Column("is_key", "bool", "whether it is part of the table's key", nullable=False),
    Column("is_nullable", "bool", "whether it may be empty", nullable=False),
    Column("minimum", "float", "least value that can be true, in its unit"),
    Column("maximum", "float", "greatest value that can be true, in its unit"),
    Column("allowed", "string", "the values it may have, with commas between; empty: any"),
    Column("privacy", "string", "what becomes of its values before they are stored", nullable=False),
)  # fmt: skip


def _sources(tables: list[Table]) -> pl.DataFrame:
    said = [(t.layer, t.name, source) for t in tables for source in t.sources]
    return pl.DataFrame(said, schema=[c.name for c in SOURCES], orient="row")


def _columns(tables: Iterable[Table | Made]) -> pl.DataFrame:
    said = []
    for table in tables:
        layer, key = (table.layer, table.order) if isinstance(table, Table) else ("quality", table.key)
        said += [
            {
                "layer": layer, "table_name": table.name, "column_name": c.name, "position": at, "type": SQL_TYPES[c.kind],
                "unit": c.unit, "doc": c.doc, "formula": c.formula, "is_key": c.name in key, "is_nullable": c.nullable,
                "minimum": c.minimum, "maximum": c.maximum, "allowed": ", ".join(c.allowed) if c.allowed else None,
                "privacy": c.treatment,
            }
            for at, c in enumerate(table.columns, 1)
        ]  # fmt: skip
    return pl.DataFrame(said, schema={c.name: c.dtype for c in COLUMNS})
