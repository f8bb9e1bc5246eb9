"""Rows that keep a contract, made from the contract alone. What is wrong with rows belongs to the tests."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from schemas.city import City
from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.lake import Lake

CITY = City("Testville", "Europe/Berlin")
DAY = date(2025, 3, 1)
INTERVAL_SHARE = 0.15


def _value(column: Column, row: int, is_key: bool, at: datetime) -> Any:
    low, high = column.minimum, column.maximum
    if column.name == "event_date" or column.kind == "date":
        return None
    if column.kind == "instant":
        return at + timedelta(minutes=30) if column.name in ("_received_at", "_landed_at") else at
    if column.kind == "local_time":
        return at.astimezone(ZoneInfo(CITY.zone)).replace(tzinfo=None)
    if column.kind == "bool":
        return True
    if column.kind == "string":
        if column.pattern not in (None, IDENTIFIER):
            return column.default
        if column.allowed:
            return None if column.nullable else column.allowed[0]
        return f"{column.name}-{row}" if is_key else (None if column.nullable else "x")
    number = low + INTERVAL_SHARE * (high - low) if low is not None and high is not None else (low or 0)
    return int(number) if column.kind == "int" else float(number)


def good_rows(contract: Contract, layer: str, day: date = DAY, rows: int = 20) -> pl.DataFrame:
    """Rows of one day that break nothing."""
    start = CITY.day_start(day).astimezone(ZoneInfo("UTC")) + timedelta(hours=9, minutes=40)
    out = []
    for row in range(rows):
        at = start + timedelta(seconds=row)
        values = {c.name: _value(c, row, c.name in contract.key, at) for c in contract.stage_columns(layer)}
        if {"started_at", "ended_at", "duration_s"} <= values.keys():
            values["ended_at"] = values["started_at"] + timedelta(seconds=values["duration_s"])
        out.append(values | {"event_date": day} | ({"_position": row} if "_position" in values else {}))
    frame = pl.DataFrame(out, schema=contract.polars_schema(layer))
    for rule in contract.row_rules:  # what a rule forbids beside the other values is left out
        kept = pl.sql_expr(rule.condition).fill_null(True).all()
        if set(kept.meta.root_names()) <= set(frame.columns) and not frame.select(kept).item():
            odd = [c.name for c in contract.columns if c.nullable and c.name in rule.condition]
            frame = frame.with_columns(pl.lit(None, contract[n].dtype).alias(n) for n in odd)
    return frame


def put(lake: Lake, contract: Contract, layer: str, frame: pl.DataFrame, day: date = DAY, stem: str = "a") -> None:
    """Make rows the day's partition."""
    part = lake.write_part(layer, contract.name, day, stem, frame)
    lake.replace(layer, contract.name, contract.arrow_schema(layer), [part])
