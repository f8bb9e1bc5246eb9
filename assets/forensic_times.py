"""Milliseconds where seconds are due, and the other way: intervals and epochs that were refused and fit when divided.

No reference table corrects these: the source's block in the settings says how its times are written.
"""

from dataclasses import replace

import duckdb
import polars as pl

from assets.forensic_refused import Refused
from assets.forensic_verdicts import Finding
from schemas.contract import Contract
from schemas.rejection import Code

NEAR_S = 400 * 86400
"""An epoch is read rightly where it falls this near to its receipt."""
FITTING = 0.9


def times(con: duckdb.DuckDBPyConnection, contract: Contract, refused: Refused, limits: dict[str, float]) -> list[Finding]:
    """Devices most of whose refused intervals or epochs are right when read as milliseconds, or as seconds."""
    zone = con.sql("SELECT getvariable('zone')").fetchall()[0][0]
    received = pl.col("_received_at").dt.convert_time_zone(zone).dt.date()
    dated = replace(refused, rows=refused.rows.with_columns(pl.coalesce("event_date", received).alias("event_date")))
    found = []
    if contract.interval:
        found.append(_intervals(con, contract, contract.interval, dated))
    found.append(_epochs(contract, dated))
    of = pl.concat(found).filter(pl.col("n") >= limits["doctor_min_distinct"], pl.col("fits") >= FITTING * pl.col("n"))
    accepted = con.sql(
        f"SELECT {contract.described.on} AS device, count(*) AS accepted_n FROM refined.{contract.name} GROUP BY ALL"  # type: ignore[union-attr]
    ).pl()
    of = of.join(accepted, on="device", how="left").filter(
        pl.col("n") >= limits["doctor_min_refused_share"] * (pl.col("n") + pl.col("accepted_n").fill_null(0))
    )
    return [
        Finding(
            contract.name,
            r["device"],
            r["what"],
            r["found"],
            f"{r['fits']:,} of {r['n']:,} refused values fit so, such as {r['example']}; "
            f"{r['accepted_n'] or 0:,} rows were accepted",
            r["n"],
            r["fits"] / r["n"],
            r["since"],
            advice=r["advice"],
        )
        for r in of.sort("device", "what").iter_rows(named=True)
    ]


def _intervals(con: duckdb.DuckDBPyConnection, contract: Contract, interval: str, refused: Refused) -> pl.DataFrame:
    """Refused intervals against those that are usual in the feed."""
    usual = con.sql(f"SELECT DISTINCT {interval} AS usual_s FROM refined.{contract.name}").pl()["usual_s"]
    of = refused.rows.filter(pl.col("column") == interval, pl.col("code") == Code.OUT_OF_RANGE, pl.col("device").is_not_null())
    fits = (pl.col("value").cast(pl.Float64, strict=False) / 1000).is_in(usual.cast(pl.Float64).implode())
    return _counted(of, fits, interval, "ms reported as s", f'Give the source unit = "ms" for {interval}.')


def _epochs(contract: Contract, refused: Refused) -> pl.DataFrame:
    """Refused event times that fall near their receipt when their epoch is divided or multiplied by a thousand."""
    time, kinds = contract.event_time or "", (Code.IMPLAUSIBLE_TIME, Code.FROM_FUTURE, Code.WRONG_TYPE)
    of = refused.rows.filter(pl.col("column") == time, pl.col("code").is_in(list(kinds)), pl.col("device").is_not_null())
    # an epoch beyond the year 10000 is refused as the number it is
    number = pl.col("value").cast(pl.Float64, strict=False)
    exact = pl.col("value").str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", time_unit="us", strict=False).dt.epoch("us") / 1e6
    epoch = pl.coalesce(exact, number)
    received = pl.col("_received_at").dt.epoch("us") / 1e6
    parts = []
    for scale, was, option in ((1e-3, "ms reported as s", "epoch_ms"), (1e3, "s reported as ms", "epoch_s")):
        fits = ((epoch * scale - received).abs() < NEAR_S) & ((epoch - received).abs() > NEAR_S)
        parts.append(_counted(of, fits.fill_null(False), time, was, f'Give the source time_format = "{option}".'))
    return pl.concat(parts)


def _counted(of: pl.DataFrame, fits: pl.Expr, what: str, found: str, advice: str) -> pl.DataFrame:
    since = pl.col("event_date").min()
    return (
        of.with_columns(fits.alias("fit"))
        .group_by("device")
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("fit").sum().cast(pl.Int64).alias("fits"),
            pl.col("value").filter("fit").sort().first().alias("example"),
            since.alias("since"),
        )
        .with_columns(what=pl.lit(what), found=pl.lit(found), advice=pl.lit(advice))
    )
