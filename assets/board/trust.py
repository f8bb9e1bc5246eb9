"""What is to be trusted of the exported file, asked of it for the page of data quality: books, refusals, verdicts, coverage.

What was judged, and how, is said in the schema `quality` (assets/exports/quality.py); how it is shown, by the page.
"""

from typing import Any

import duckdb
import polars as pl

from assets.board.page import Board
from assets.duck import literal, quoted
from assets.publishing import withheld
from schemas import registry
from schemas.contract import Contract
from schemas.health import VERDICTS
from schemas.publish import GATED
from schemas.stages import RELEASED

EXAMPLES = 3
"""Shown of each feed, code and column."""
RESTATED_AT_MOST = 500
TOLD = 120
"""Characters shown of a refused value."""


def rows(con: duckdb.DuckDBPyConnection, sql: str, **named: Any) -> list[dict[str, Any]]:
    """The rows of a question."""
    return con.execute(sql, named or None).pl().to_dicts()


def balance(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The books, a row per feed, stage and day; the day is None where refused rows told none."""
    return rows(con, "SELECT * REPLACE (event_date::VARCHAR AS event_date) FROM quality.balance ORDER BY feed, stage, event_date")


def refused(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Refused rows counted by feed, stage, day, code and column."""
    return rows(
        con,
        "SELECT * REPLACE (event_date::VARCHAR AS event_date) FROM quality.refused ORDER BY feed, code, column_name, event_date",
    )


def examples(board: Board) -> list[dict[str, Any]]:
    """A few refused rows of each feed, code and column: where they were, what was asked and, of feeds about no people, found.

    Payloads are never shown; they are in the lake, for those who may read it.
    """
    out = []
    for name, contract in registry.feeds().items():
        found = "NULL" if contract.guarded or contract.domain in GATED else f"left(found, {TOLD})"
        out += rows(
            board.con,
            f"""
            SELECT
                $feed AS feed, code, "column" AS column_name, event_date::VARCHAR AS event_date,
                left(expected, {TOLD}) AS expected,
                {found} AS found, parse_filename(_source) AS source, _position AS position
            FROM quarantine.{quoted(name)}
            QUALIFY row_number() OVER (PARTITION BY code, "column" ORDER BY _received_at DESC, _source, _position) <= {EXAMPLES}
            ORDER BY ALL
            """,
            feed=name,
        )
    return out


def gates(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Verdicts of the gates by table and day."""
    return rows(
        con,
        """
        SELECT layer, layer || '.' || table_name AS table_name, event_date::VARCHAR AS event_date, verdict
        FROM quality.gates ORDER BY ALL
        """,
    )


def tables(board: Board) -> list[dict[str, Any]]:
    """Every table: what it holds and how old its newest rows are when the board is made, in hours."""
    return rows(
        board.con,
        """
        SELECT
            layer, table_name, domain, rows, days, first_date::VARCHAR AS first_date, last_date::VARCHAR AS last_date,
            strftime(timezone($zone, newest_event_at), '%Y-%m-%d %H:%M') AS newest_event,
            strftime(timezone($zone, newest_landing_at), '%Y-%m-%d %H:%M') AS landed,
            strftime(timezone($zone, written_at), '%Y-%m-%d %H:%M') AS written,
            (epoch_us($at::TIMESTAMPTZ) - epoch_us(newest_event_at)) / 3.6e9 AS age_h
        FROM quality.tables
        ORDER BY newest_event_at IS NULL, newest_event_at, layer, table_name
        """,
        zone=board.city.zone,
        at=board.at,
    )


def restated(board: Board) -> list[dict[str, Any]]:
    """Days that were refined again, the latest first: when, why, and how many rows they then kept."""
    return rows(
        board.con,
        f"""
        SELECT
            feed, event_date::VARCHAR AS event_date, cause, kept, kept - before AS more, late,
            strftime(timezone($zone, recorded_at), '%Y-%m-%d %H:%M:%S') AS recorded
        FROM (
            SELECT *, lag(kept) OVER (PARTITION BY feed, event_date ORDER BY recorded_at) AS before
            FROM quality.ledger WHERE stage <> 'land'
        )
        WHERE before IS NOT NULL
        ORDER BY recorded_at DESC, feed, event_date
        LIMIT {RESTATED_AT_MOST}
        """,
        zone=board.city.zone,
    )


def coverage(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Coverage of metrics by day and district: the sum of the rows' shares, how many rows told one, and how many are withheld."""
    found = [c for c in registry.metrics().values() if "coverage_share" in c]
    return rows(con, " UNION ALL ".join(f"({_covered(c)})" for c in found) + " ORDER BY ALL") if found else []


def _covered(contract: Contract) -> str:
    withheld_n = f"count(*) FILTER ({withheld.row([RELEASED] if contract.is_gated else [])})"
    district = "district" if "district" in contract else "NULL"
    return (
        f"SELECT {literal(contract.name)} AS metric, {literal(contract.period)} AS period, event_date::VARCHAR AS event_date, "
        f"{district} AS district, sum(coverage_share) AS covered, count(coverage_share) AS n, {withheld_n} AS withheld "
        f"FROM metrics.{quoted(contract.name)} GROUP BY ALL"
    )


def judged() -> list[Contract]:
    """The metrics that judge devices, by a verdict of `schemas.health`."""
    found = [c for c in registry.metrics().values() if "verdict" in c and not c.is_gated]
    return [c for c in found if set(c["verdict"].allowed or ()) == set(VERDICTS)]


def health(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Devices by feed, district, day and verdict."""
    asked = [
        f"SELECT feed, district, event_date::VARCHAR AS event_date, verdict, count(*) AS n "
        f"FROM metrics.{quoted(c.name)} GROUP BY ALL"
        for c in judged()
        if {"feed", "district"} <= set(c.names)
    ]
    return rows(con, " UNION ALL ".join(asked) + " ORDER BY ALL") if asked else []


def ailing(con: duckdb.DuckDBPyConnection, most: int = 20_000) -> list[dict[str, Any]]:
    """Device days whose verdict is not good, the latest first: feed, device, district, day, verdict."""
    asked = []
    for contract in judged():
        device = next((c for c in contract.key if c not in ("feed", "event_date")), None)
        if device and {"feed", "district"} <= set(contract.names):
            asked.append(
                f"SELECT feed, {quoted(device)} AS device, district, event_date::VARCHAR AS event_date, verdict "
                f"FROM metrics.{quoted(contract.name)} WHERE verdict <> 'good'"
            )
    if not asked:
        return []
    return rows(con, f"FROM ({' UNION ALL '.join(asked)}) ORDER BY event_date DESC, feed, device LIMIT {most}")


def as_columns(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows column by column, texts once each and by number: a third of the size. In the page `citylake.unpacked` reads it."""
    frame = pl.DataFrame(found, infer_schema_length=None)
    out: dict[str, Any] = {}
    for name in frame.columns:
        column = frame[name]
        if column.dtype == pl.String:
            texts = column.drop_nulls().unique().sort()
            place = {t: i for i, t in enumerate(texts)}
            out[name] = {
                "texts": texts.to_list(),
                "at": column.replace_strict(place, default=None, return_dtype=pl.Int64).to_list(),
            }
        else:
            out[name] = {"values": column.to_list()}
    return out
