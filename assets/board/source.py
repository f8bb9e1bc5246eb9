"""One metric as the board reads it: its rows with day, time of day and district, found from the contracts.

What is summed of them belongs to `assets.board.cube`.
"""

from dataclasses import dataclass, replace

import duckdb

from assets.duck import literal, quoted
from assets.publishing import withheld
from schemas.contract import Contract
from schemas.measure import BIN_AT, NULL_REASON
from schemas.registry import references

DAY, SLOT, DISTRICT = "day", "slot", "district"
TEXTS = ("string", "bool")
FEW = 24
MATCHED = 0.5


@dataclass(frozen=True)
class Source:
    """Where a metric's rows come from.

    Attributes:
        sql: the rows, with the columns `day`, `slot` (minutes of the local day; 1440 more in an hour that comes twice) and,
            where it can be told, `district`.
        dims: columns by which numbers can be broken down, `district` first.
        must: those of them whose values are never put together, and the district.
        have: columns of the exported table.
        slot: minutes between bins; None where the metric has none.
    """

    name: str
    sql: str
    key: tuple[str, ...]
    dims: tuple[str, ...]
    must: tuple[str, ...]
    apart: tuple[str, ...]
    have: frozenset[str]
    slot: int | None = None

    @property
    def withheld(self) -> str:
        """SQL: whether the publish gate withheld the row."""
        return withheld.row(self.have)

    def count(self, con: duckdb.DuckDBPyConnection) -> int:
        """Rows."""
        return int((con.sql(f"SELECT count(*) FROM ({self.sql})").fetchone() or (0,))[0])

    def distinct(self, con: duckdb.DuckDBPyConnection) -> dict[str, int]:
        """How many values each of `dims` has."""
        if not self.dims:
            return {}
        asked = ", ".join(f"count(DISTINCT {quoted(d)})" for d in self.dims)
        return dict(zip(self.dims, con.sql(f"SELECT {asked} FROM ({self.sql})").fetchone() or (), strict=True))

    def slotted(self, minutes: int) -> "Source":
        """The same with coarser times of day."""
        told = f"SELECT * REPLACE ({SLOT} // {minutes} * {minutes} AS {SLOT}) FROM ({self.sql})"
        return replace(self, sql=told, slot=minutes)


def is_told(con: duckdb.DuckDBPyConnection, contract: Contract) -> bool:
    """Whether the file has the metric, with all columns of its contract."""
    return bool(exported(con, contract))


def source(con: duckdb.DuckDBPyConnection, contract: Contract) -> Source | None:
    """A metric of the exported file; None where the file has no such table or the contract's columns are not in it."""
    have = exported(con, contract)
    if not have:
        return None
    table = f"metrics.{quoted(contract.name)}"
    columns, joins = [f"m.event_date AS {DAY}", "m.*"], ""
    placed = DISTRICT in contract
    if not placed and (found := _district(con, contract, table)):
        columns.append(f"p.{DISTRICT}")
        joins, placed = f" LEFT JOIN ({found[1]}) p ON p.of_key = m.{quoted(found[0])}", True
    slot = None
    if bins := _bins(contract):
        local, at = (quoted(b) for b in bins)
        # an hour that comes twice has two bins of one wall-clock time
        once = f"SELECT DISTINCT {local}, {at} FROM {table}"
        twice = f"SELECT {at} AS at, row_number() OVER (PARTITION BY {local} ORDER BY {at}) - 1 AS fold FROM ({once})"
        joins += f" LEFT JOIN ({twice}) f ON f.at = m.{at}"
        columns.append(f"(hour(m.{local}) * 60 + minute(m.{local}) + 1440 * f.fold)::INT AS {SLOT}")
        slot = _minutes(con, table, local) if BIN_AT.name in contract.key else 60
    key = tuple(k for k in contract.key if contract[k].kind in (*TEXTS, "int", "float"))
    texts = [c.name for c in contract.columns if c.kind in TEXTS and c.name not in key and not c.name.endswith(NULL_REASON.name)]
    few = [n for n in texts if n != DISTRICT and _few(con, table, n)]
    apart = tuple(c.name for c in contract.columns if c.roll_up == "apart")
    dims = (*((DISTRICT,) if placed else ()), *(k for k in key if k != DISTRICT), *few)
    must = tuple(d for d in dims if d == DISTRICT or d in apart)
    sql = f"SELECT {', '.join(columns)} FROM {table} m{joins}"
    rows = Source(contract.name, sql, contract.key, dims, must, apart, have, slot)
    return rows.slotted(slot) if slot and BIN_AT.name not in contract.key else rows  # events happen at any minute


def exported(con: duckdb.DuckDBPyConnection, contract: Contract) -> frozenset[str]:
    """The columns of the metric's table; none where the file has no such table or lacks columns of the contract."""
    asked = "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'metrics' AND table_name = $1"
    have = frozenset(n for (n,) in con.execute(asked, [contract.name]).fetchall())
    return have if set(contract.names) <= have else frozenset()


def _bins(contract: Contract) -> tuple[str, str] | None:
    """The column with the wall-clock time of a bin, and the one with its instant."""
    local = [c.name for c in contract.columns if c.kind == "local_time"]
    at = [k for k in contract.key if contract[k].kind == "instant"]
    return (local[0], at[0]) if local and at else None


def _minutes(con: duckdb.DuckDBPyConnection, table: str, local: str) -> int:
    least = con.sql(f"SELECT min(nullif(minute({local}), 0)) FROM {table}").fetchone()
    return int(least[0]) if least and least[0] else 60


def _few(con: duckdb.DuckDBPyConnection, table: str, name: str) -> bool:
    found = con.sql(f"SELECT count(DISTINCT {quoted(name)}) FROM {table}").fetchone()
    return bool(found and 1 < found[0] <= FEW)


def _district(con: duckdb.DuckDBPyConnection, contract: Contract, table: str) -> tuple[str, str] | None:
    """A key column of the metric that is the key of a reference table with districts, and SQL that tells them.

    Two things may share a column's name, such as routes of buses and of drivers: at least half of the rows must be found.
    """
    for reference in references().values():
        keys = [k for k in reference.key if k != "valid_from"]
        if len(keys) != 1 or DISTRICT not in reference or keys[0] not in contract.key:
            continue
        name, place = quoted(keys[0]), f"reference.{quoted(reference.name)}"
        last = "valid_from" if "valid_from" in reference else literal("")
        told = f"SELECT {name} AS of_key, arg_max({DISTRICT}, {last}) AS {DISTRICT} FROM {place} GROUP BY ALL"
        try:
            share = con.sql(
                f"SELECT avg((of_key IS NOT NULL)::INT) FROM {table} m LEFT JOIN ({told}) p ON of_key = m.{name}"
            ).fetchone()
        except duckdb.Error:  # the file was moved away from the lake that its views read
            continue
        if share and (share[0] or 0) >= MATCHED:
            return keys[0], told
    return None
