"""How the answer to a question looks: a table on the screen, CSV, JSON, or a Parquet file.

What was asked is `asking`'s.
"""

import math
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.stages import RELEASED, SUPPRESSED, WITHHELD_COLUMNS

if TYPE_CHECKING:
    import duckdb

    from schemas.column import Column

SHOWN = 50
CHUNK, GROUP = 10_000, 100_000
TEXT_LONGEST = 40
UPRIGHT = 3
"""So few rows that do not fit the screen are shown upright, a column a line."""
GATES, WITHHELD = (RELEASED, "null_reason"), "withheld"
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "INTERVAL", "UBIGINT", "UHUGEINT")

PLAIN = ("VARCHAR", "BOOLEAN", "DATE", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE")
"""Types that CSV has its own words for."""


def print_csv(answer: "duckdb.DuckDBPyRelation") -> None:
    """Print the rows as they come: instants in ISO 8601 with Z, local times without, absent values as empty fields."""
    import polars as pl

    names = unique(answer.columns)
    picked = ", ".join(
        f"{_as_text(i, str(k))} AS {_quoted(n)}" for i, (n, k) in enumerate(zip(names, answer.types, strict=True), 1)
    )
    sys.stdout.write(pl.DataFrame(schema=names).write_csv())
    # DuckDB's own writers wait for ever where the files are read by Python, as on S3: they keep the interpreter's lock
    for batch in answer.project(picked).to_arrow_reader(CHUNK):
        sys.stdout.write(pl.DataFrame(pl.from_arrow(batch)).write_csv(include_header=False))


def _as_text(place: int, kind: str) -> str:
    """The column at a place as CSV takes it."""
    if kind.startswith("TIMESTAMP"):
        text = f"replace(#{place}::VARCHAR, ' ', 'T')"
        return f"replace({text}, '+00', 'Z')" if "ZONE" in kind else text
    return f"#{place}" if kind in PLAIN else f"#{place}::VARCHAR"


def _quoted(name: str) -> str:
    from assets.duck import quoted

    return quoted(name)


def write_parquet(answer: "duckdb.DuckDBPyRelation", path: Path) -> int:
    """Write the rows as they come, in bounded memory; returns how many. The file appears whole or not at all.

    Raises SettingsError where it cannot be written; the file that was there then stays.
    """
    import os

    import pyarrow.parquet as pq

    from schemas.errors import SettingsError

    if not path.absolute().parent.is_dir():
        raise SettingsError(f"--parquet {path}", "there is no such folder", "make it, or name a file elsewhere")
    half = path.absolute().with_name(f".{path.name}.{os.getpid()}.half")
    names = ", ".join(f"#{i} AS {_quoted(n)}" for i, n in enumerate(unique(answer.columns), 1))
    rows = 0
    try:
        reader = answer.project(names).to_arrow_reader(GROUP)
        with pq.ParquetWriter(half, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
                rows += batch.num_rows
        os.replace(half, path)
    except OSError as error:
        remedy = "name a file in a folder that is there and can be written"
        raise SettingsError(f"--parquet {path}", error.strerror or str(error), remedy) from error
    finally:
        half.unlink(missing_ok=True)
    return rows


def print_json_rows(answer: "duckdb.DuckDBPyRelation") -> None:
    """Print the rows as a JSON array, some thousand at a time."""
    from dagster_project.cli.terminal import as_json

    names = unique(answer.columns)
    sys.stdout.write("[")
    first = True
    while chunk := answer.fetchmany(CHUNK):
        text = as_json([dict(zip(names, map(_plain, row), strict=True)) for row in chunk])
        sys.stdout.write(("" if first else ",") + text[1:-2])
        first = False
    sys.stdout.write("]\n" if first else "\n]\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.hex() if isinstance(value, bytes) else value


def unique(names: Sequence[str]) -> list[str]:
    """Names that come once, in any case: a, a_1, a_2."""
    out: list[str] = []
    for name in names:
        taken = {n.lower() for n in out}
        count = next(i for i in range(len(names) + 1) if (f"{name}_{i}" if i else name).lower() not in taken)
        out.append(f"{name}_{count}" if count else name)
    return out


def print_rows(answer: "duckdb.DuckDBPyRelation", columns: Sequence["Column | None"], shown: int) -> None:
    """Print a table that fits the terminal, and on stderr how much of the answer it is."""
    from dagster_project.cli.terminal import console, fits, print_table, say

    names = unique(answer.columns)
    found = answer.limit(shown + 1).fetchall()
    if names == ["explain_key", "explain_value"]:
        console().print("\n".join(row[1] for row in found), markup=False, soft_wrap=True)
        return
    cells = texts(names, found[:shown])
    units = {n: c.unit for n, c in zip(names, columns or [None] * len(names), strict=True) if c is not None and c.unit}
    right = {n for n, kind in zip(names, map(str, answer.types), strict=True) if kind.split("(")[0] in NUMBERS}
    rows = [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]
    if not fits(names, rows, units):
        rows = [{n: _cut(text) for n, text in row.items()} for row in rows]
    hidden: list[str] = []
    if rows and len(rows) <= UPRIGHT and not fits(names, rows, units):
        _print_upright(names, cells, units)
    else:
        hidden = print_table(rows, names, units=units, right=right)
    more = "; more rows with --limit N" if len(found) > shown else ""
    narrow = f"; {len(hidden)} columns do not fit, name those you want or take --csv: {', '.join(hidden)}" if hidden else ""
    say(f"[dim]{len(rows):,} row{'' if len(rows) == 1 else 's'}{more}{narrow}[/]")


def _print_upright(names: Sequence[str], cells: Sequence[Sequence[str]], units: dict[str, str]) -> None:
    from dagster_project.cli.terminal import print_table

    heads = [f"row {i + 1}" for i in range(len(cells[0]))]
    upright = [
        {"column": n, **dict(zip(heads, column, strict=True)), "unit": units.get(n, "")}
        for n, column in zip(names, cells, strict=True)
    ]
    print_table(upright, ("column", *heads, "unit"), wrap=heads)


def texts(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[list[str]]:
    """Cells by column; what is empty as the publish gate withheld it is so named."""
    from assets.publishing.withheld import is_withheld
    from dagster_project.cli.terminal import cell

    if not rows:
        return [[] for _ in names]
    gates = [n for n in GATES if n in names]
    held = [any(row[names.index(n)] == SUPPRESSED for n in gates) for row in rows]
    some = [row[names.index(WITHHELD_COLUMNS)] if WITHHELD_COLUMNS in names else None for row in rows]
    out = []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        numbers = [v for v in values if v is not None]
        decimal = bool(numbers) and all(isinstance(v, (float, Decimal)) for v in numbers)
        told = aligned(values) if decimal else [cell(v) for v in values]
        gone = [v is None and is_withheld(name, h, s) for v, h, s in zip(values, held, some, strict=True)]
        out.append([WITHHELD if g else text for text, g in zip(told, gone, strict=True)])
    return out


def aligned(values: Sequence[Any]) -> list[str]:
    """Numbers of one column with as many decimals as give the middle one four figures; those that it would make 0 keep two."""
    finite = [float(v) for v in values if v is not None and math.isfinite(v)]
    numbers = sorted(abs(v) for v in finite if v)
    middle = numbers[len(numbers) // 2] if numbers else 1.0
    places = min(max(3 - math.floor(math.log10(middle)), 0), 6)
    while places and all(round(v, places) == round(v, places - 1) for v in finite):
        places -= 1
    return [_number(v, places) for v in values]


def _number(value: Any, places: int) -> str:
    if value is None:
        return "-"
    number = float(value)
    text = f"{number:,.{places}f}"
    is_lost = number != 0 and not any(c in "123456789" for c in text)
    return f"{number:.2g}" if is_lost or abs(number) >= 1e15 or not math.isfinite(number) else text


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LONGEST else text[: TEXT_LONGEST - 3] + "..."
