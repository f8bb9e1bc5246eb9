"""Writes a simulated city's reference tables as CSV. What the tables say is the devices' own modules'."""

from pathlib import Path

import polars as pl

from schemas import registry

EVER = "2000-01-01T00:00:00Z"


def write_reference(folder: Path, name: str, table: pl.DataFrame) -> Path:
    """Write a table as folder/<name>.csv, valid ever since, with those of its columns that the contract has."""
    valid = table.with_columns(valid_from=pl.lit(EVER))
    path = folder / f"{name}.csv"
    valid.select(c for c in registry.references()[name].names if c in valid.columns).write_csv(path)
    return path
