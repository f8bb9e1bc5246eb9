"""The lake's tables as they are called on the command line, and what is known of each. Nothing is printed here."""

import difflib
from collections.abc import Sequence
from datetime import date
from typing import Any

from schemas.errors import CitylakeError
from schemas.lake import File, Lake
from schemas.tables import Named, every


def named(title: str) -> Named:
    """The table of a name; the layer may be left out where only one has it.

    Raises CitylakeError with the nearest names.
    """
    known = every()
    if title in known:
        return known[title]
    of_name = [t for t in known if t.split(".", 1)[1] == title and not t.startswith("published.")]
    if len(of_name) == 1:
        return known[of_name[0]]
    if of_name:
        raise CitylakeError(f"table {title}", "several layers have it", f"name one of {', '.join(of_name)}")
    raise CitylakeError(f"table {title}", "there is no such table", nearest(title))


def nearest(title: str) -> str:
    """What to do about a table's name that is none: the nearest names, if any is near."""
    known = every()
    near = difflib.get_close_matches(title, known, 3)
    if not near:
        names = difflib.get_close_matches(title.rsplit(".", maxsplit=1)[-1], {t.split(".", 1)[1] for t in known}, 1)
        near = [t for n in names for t in known if t.endswith(f".{n}")]
    return f"perhaps {' or '.join(near)} is meant" if near else "`citylake tables` lists them"


def state(lake: Lake) -> list[dict[str, Any]]:
    """Rows, partitions and bytes of every table that exists, in the order of the way."""
    order = ("raw", "quarantine", "refined", "metrics", "published", "reference", "ledger")
    found = sorted(lake.tables(), key=lambda t: (order.index(t[0]), t[1]))
    return [{"table": f"{layer}.{name or layer}", "layer": layer, **held(lake.files(layer, name))} for layer, name in found]


def held(files: Sequence[File]) -> dict[str, int]:
    """Rows, partitions and bytes of files."""
    return {
        "rows": sum(f.rows for f in files),
        "partitions": len({f.event_date for f in files}),
        "bytes": sum(f.bytes for f in files),
    }


def days(files: Sequence[File]) -> tuple[date, date] | None:
    """First and last day that has rows."""
    dated = [f.event_date for f in files if f.event_date and f.rows]
    return (min(dated), max(dated)) if dated else None


def sample(lake: Lake, table: Named, rows: int) -> list[dict[str, Any]]:
    """The first rows of the latest day; of a metric about people, as they may be told."""
    table = every().get(f"published.{table.name}", table) if table.layer == "metrics" else table
    span = days(lake.files(table.layer, table.name))
    scan = lake.scan(table.layer, table.name, [span[1]] if span else None)
    if scan is None:
        return []
    known = {c.name for c in table.columns}
    return scan.select(n for n in scan.collect_schema().names() if n in known).head(rows).collect().to_dicts()
