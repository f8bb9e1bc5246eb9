"""The quarantine as the command line shows it: counted by reason, or row by row. Why a row is refused is in `schemas`."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from schemas.contract import QUARANTINE
from schemas.errors import CitylakeError
from schemas.lake import Lake
from schemas.rejection import Code

PLACE = ["feed", "stage", "code", "column"]


def rows(lake: Lake, feeds: Sequence[str] = (), code: str | None = None) -> pl.LazyFrame:
    """Refused rows of all feeds or of some, with their feed."""
    if code is not None and code not in list(Code):
        raise CitylakeError(f"code {code}", "there is no such reason", f"use one of {', '.join(Code)}")
    empty = pl.LazyFrame(schema={"feed": pl.String} | {c.name: c.dtype for c in QUARANTINE})
    parts = [empty]
    for layer, name in lake.tables():
        scan = lake.scan(layer, name) if layer == "quarantine" and (not feeds or name in feeds) else None
        if scan is not None:
            parts.append(scan.select(pl.lit(name).alias("feed"), *(c.name for c in QUARANTINE)))
    every = pl.concat(parts)
    return every if code is None else every.filter(pl.col("code") == code)


def by_code(held: pl.LazyFrame) -> list[dict[str, Any]]:
    """Counts by feed, stage, reason and column, with an example of what was found and what was expected."""
    counted = held.group_by(PLACE).agg(pl.len().alias("rows"), pl.col("found", "expected").drop_nulls().sort().first())
    return (
        counted.sort("feed", "stage", "rows", "code", "column", descending=[False, False, True, False, False])
        .collect()
        .to_dicts()
    )


def payloads(held: pl.LazyFrame, count: int) -> list[dict[str, Any]]:
    """The first refused rows, by source and position."""
    names = [*PLACE, "event_date", "found", "expected", "payload", "_source", "_position"]
    return held.select(names).sort("feed", "_source", "_position").head(count).collect().to_dicts()


def print_payload(row: dict[str, Any]) -> None:
    """One refused row: where it was, why, and the row itself."""
    from dagster_project.cli.terminal import clean, console

    screen = console()
    column = f" in {row['column']}" if row["column"] else ""
    screen.print(f"{row['feed']} {row['stage']}: {row['code']}{column}", style="bold", markup=False)
    screen.print(f"  {clean(row['_source'])} at {row['_position']}", style="dim", markup=False, soft_wrap=True)
    screen.print(f"  found {clean(row['found'] or '-')}, expected {row['expected']}", markup=False, soft_wrap=True)
    screen.print(f"  {clean(row['payload'] or '-')}", markup=False, soft_wrap=True)
