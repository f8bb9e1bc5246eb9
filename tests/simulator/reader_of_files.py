"""Reads simulated files the slow and obvious way, line by line: a second opinion on what a right lake ends with.

The lake's own code is not used here, except the contracts.
"""

import csv
import gzip
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from schemas.registry import feeds

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class Seen:
    """Rows by key in the order of receipt (later wins), and the books."""

    last: dict
    books: dict


def seen(folder: Path, feed: str, zone: str, factors: dict, offsets: dict) -> Seen:
    rows, taken, refused = [], 0, 0
    for path in sorted((folder / "inbox" / feed).iterdir()):
        for record in _records(path):
            taken += 1
            row = _row(feed, record, ZoneInfo(zone))
            if row is None:
                refused += 1
            else:
                rows.append(row)
    contract, last = feeds()[feed], {}
    books = {"taken": taken, "rejected": refused, "repeated": 0, "superseded": 0}
    device = contract.key[0]
    for row in rows:
        row[contract.event_time] -= timedelta(seconds=offsets.get(row[device], 0))
        for column, by in factors.get(row[device], {}).items():
            row[column] = None if row[column] is None else row[column] * by
        key = tuple(row[k] for k in contract.key)
        if key in last:
            books["repeated" if last[key] == row else "superseded"] += 1
        last[key] = row
    return Seen(last, books)


def _records(path: Path):
    if path.suffix == ".parquet":
        yield from pl.read_parquet(path).to_dicts()
        return
    body = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = body.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    lines = lines[1:] if path.suffix == ".csv" else lines
    yield from (line for line in lines if line.strip())


def _no_constant(name: str):
    raise ValueError(name)


def _row(feed: str, record, zone: ZoneInfo) -> dict | None:
    try:
        if isinstance(record, bytes):
            text = record.decode()
            record = _meter(text, zone) if feed == "meter_readings" else json.loads(text, parse_constant=_no_constant)
        row = {c.name: _typed(c, record.get(c.name)) for c in feeds()[feed].columns}
    except (ValueError, TypeError, AttributeError):
        return None
    return row if _kept(feed, row) else None


def _meter(text: str, zone: ZoneInfo) -> dict:
    meter, read_at, wh, quality = next(csv.reader(io.StringIO(text)))
    naive = datetime.strptime(read_at, "%Y-%m-%d %H:%M:%S")
    first, second = (naive.replace(tzinfo=zone, fold=f).astimezone(UTC) for f in (0, 1))
    if first != second:
        raise ValueError("doubled or skipped hour")
    quality = {"V": "valid", "E": "estimated"}[quality] if quality in "VE" else quality
    return {"meter_id": meter, "ended_at": first, "interval_s": 1800, "energy_kwh": float(wh) / 1000, "quality": quality}


def _typed(column, value):
    value = column.default if value is None else value
    if value is None:
        return None
    if column.kind == "instant" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if column.kind == "int":
        if float(value) != int(float(value)):
            raise ValueError(value)
        return int(float(value))
    return float(value) if column.kind == "float" else value


def _kept(feed: str, row: dict) -> bool:
    contract = feeds()[feed]
    for c in contract.columns:
        value = row[c.name]
        if value is None and not c.nullable:
            return False
        if value is not None and c.minimum is not None and not c.minimum <= value <= c.maximum:
            return False
        if value is not None and c.allowed and value not in c.allowed:
            return False
    if row[contract.event_time] > NOW:
        return False
    if feed == "emergency_calls":
        after = all(v is None or v >= row["received_at"] for k, v in row.items() if k.endswith("_at"))
        return after and not (row["lat"] == 0 and row["lon"] == 0)
    if feed == "meter_readings":
        return row["energy_kwh"] * 3600 <= row["interval_s"] * 50000
    return row["vehicle_count"] * 3600 <= row["interval_s"] * 30000 + 36000
