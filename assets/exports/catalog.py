"""Exports the lake: the DuckDB file, Parquet and CSV of the metrics, and catalog.json, which describes them.

Metrics about people pass the publish gate first. Only what changed since the last catalog is written again.
How each kind is written belongs to its own file.
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import duckdb

from assets.duck import SQL_TYPES, connect
from assets.exports.aside import aside, sweep
from assets.exports.csv import around, write_csv
from assets.exports.duckdb_file import DUCKDB, all_macros, made_tables, write_duckdb
from assets.exports.duckdb_file import FORM as FORM_OF_FILE
from assets.exports.duckdb_file import digest as digest_of_file
from assets.exports.parquet import FORM, drop_other_months, month_file, write_month
from assets.exports.places import write_places
from assets.exports.quality import Made
from assets.exports.snapshot import Table, combined, snapshot
from assets.publishing.gate import release
from schemas.city import City
from schemas.column import Column
from schemas.lake import Lake

CATALOG = "catalog.json"


def export(lake: Lake, city: City, folder: Path | None = None, at: datetime | None = None) -> dict[str, Any]:
    """Write every export of the lake as it is now, and return the catalog.

    Args:
        folder: where; by default beside the lake.
        at: the instant to call it made at.

    Raises LakeError where the lake cannot be read or the folder not written; the old files then stay.
    """
    from assets.exports.contracts import write_contracts  # it parses SQL, which commands that only list tables do not

    folder = folder or lake.exports()
    sweep(folder)
    through = release(lake)
    tables, before = snapshot(lake), _last(folder)
    with connect(lake) as con:
        published = {t.name: _publish(con, folder, t, before) for t in tables if t.layer == "metrics"}
        places = write_places(con, folder, tables, before.get("places"), at)
    path = folder / DUCKDB
    digest = digest_of_file(lake, city, tables, path)
    made = before.get("duckdb", {})
    as_left = path.is_file() and made == {**_stated(path), "digest": made.get("digest")}
    if not as_left or made["digest"] != digest:
        write_duckdb(lake, city, tables, path, _unchanged(before, published) if as_left else None)
    catalog = {
        "city": city.name,
        "time_zone": city.zone,
        "generated_at": (at or datetime.now(UTC)).isoformat(),
        "duckdb": {**_stated(path), "digest": digest},
        "released": [asdict(r) for r in through if r.partitions],
        "places": places,
        "contracts": write_contracts(lake, city, folder, before.get("contracts")),
        "macros": [{"macro": m.title, "doc": m.doc, "is_table": m.is_table} for m in all_macros(city, tables)],
        "tables": [
            *(_described(t) | published.get(t.name if t.layer == "metrics" else "", {}) for t in tables),
            *(_made(m, rows) for m, rows in made_tables(lake, tables, path)),
        ],
    }
    with aside(folder / CATALOG) as half:
        half.write_text(json.dumps(catalog, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return catalog


def _last(folder: Path) -> dict[str, Any]:
    """The catalog of the last export; a missing or broken one means that everything is written again."""
    try:
        found = json.loads((folder / CATALOG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _stated(path: Path) -> dict[str, Any]:
    """The DuckDB file as it lies there. Who wrote into it since left another time of change."""
    stat = path.stat()
    return {"file": path.name, "bytes": stat.st_size, "written_ns": stat.st_mtime_ns, "form": FORM_OF_FILE}


def _unchanged(before: dict[str, Any], now: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    """Of each metric the months that are as they were at the last export."""
    was = {t["table"].partition(".")[2]: _digests(t) for t in before["tables"] if t["layer"] == "metrics"}
    return {name: {m for m, d in _digests(t).items() if was.get(name, {}).get(m) == d} for name, t in now.items()}


def _digests(published: dict[str, Any]) -> dict[str, str]:
    return {m["month"]: m["digest"] for m in published.get("months", [])}


def _publish(con: duckdb.DuckDBPyConnection, folder: Path, table: Table, before: dict[str, Any]) -> dict[str, Any]:
    """Bring one metric's Parquet and CSV up to date; what they are now."""
    months = table.months()
    digests = {month: combined([FORM, part.digest]) for month, part in months.items()}
    old: dict[str, Any] = next((t for t in before.get("tables", []) if t.get("table") == f"metrics.{table.name}"), {})
    was = {m["month"]: m for m in old.get("months", [])}
    same = {m for m, d in digests.items() if was.get(m, {}).get("digest") == d}
    parquet_bytes = 0
    for month, part in months.items():
        path = month_file(folder, table, month)
        if month not in same or not path.is_file():
            write_month(con, part, path)
        parquet_bytes += path.stat().st_size
    drop_other_months(folder, table, set(months))

    csv = folder / "csv" / f"{table.name}.csv.gz"
    members = {m: int(said["csv_bytes"]) for m, said in was.items()}
    head, tail = around(table)
    ends = list(accumulate(members.values(), initial=head))
    whole = csv.is_file() and csv.stat().st_size == ends[-1] + tail
    if not whole or same != set(was) or same != set(digests):
        kept = {m: (start, size) for (m, size), start in zip(members.items(), ends, strict=False) if m in same and whole}
        members = write_csv(con, table, csv, kept)
    return {
        "files": {"parquet": f"parquet/{table.name}", "csv": f"csv/{csv.name}"},
        "file_bytes": {"parquet": parquet_bytes, "csv": csv.stat().st_size},
        "months": [{"month": m, "digest": digests[m], "csv_bytes": members[m]} for m in digests],
    }


def _described(table: Table) -> dict[str, Any]:
    """What the catalog says of a table: `rows` and `bytes` are the lake's, `days` those that have rows."""
    days = sorted({f.event_date for f in table.files if f.event_date is not None})
    return {
        "table": f"{table.layer}.{table.name}",
        "layer": table.layer,
        "doc": table.doc,
        "domain": table.domain,
        "version": table.version,
        "key": list(table.order),
        "sources": list(table.sources),
        "rows": sum(f.rows for f in table.files),
        "bytes": sum(f.bytes for f in table.files),
        "days": {"first": days[0].isoformat(), "last": days[-1].isoformat(), "count": len(days)} if days else None,
        "columns": _columns(table.columns),
    }


def _made(table: Made, rows: int) -> dict[str, Any]:
    """The same of a table that no file of the lake holds."""
    of_files = {"domain": "city", "version": 1, "key": list(table.key), "sources": [], "rows": rows, "bytes": 0, "days": None}
    columns = _columns(table.columns)
    return {"table": f"quality.{table.name}", "layer": "quality", "doc": table.doc, **of_files, "columns": columns}


def _columns(columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    return [
        {"name": c.name, "type": SQL_TYPES[c.kind], "unit": c.unit, "doc": c.doc, "formula": c.formula, "nullable": c.nullable}
        for c in columns
    ]
