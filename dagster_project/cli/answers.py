"""How the answer to a question looks: a table on the screen, CSV, JSON, or a Parquet file.

What was asked is `asking`'s.
"""

import math
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

    from schemas.column import Column

SHOWN = 50
CHUNK = 10_000
TEXT_LONGEST = 40
UPRIGHT = 3
"""So few rows that do not fit the screen are shown upright, a column a line."""
GATES, SUPPRESSED, WITHHELD = ("release", "null_reason"), "suppressed", "withheld"
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "INTERVAL", "UBIGINT", "UHUGEINT")


@contextmanager
def place(parquet: Path | None, as_csv: bool) -> Iterator[Path | None]:
    """Where DuckDB is to write the answer, if it is to write: beside the Parquet file, or on the way to stdout."""
    import os
    import tempfile

    from schemas.errors import SettingsError

    if parquet is not None:
        if not parquet.absolute().parent.is_dir():
            raise SettingsError(f"--parquet {parquet}", "there is no such folder", "make it, or name a file elsewhere")
        half = parquet.absolute().with_name(f".{parquet.name}.{os.getpid()}.half")
        try:
            yield half
            os.replace(half, parquet)
        finally:
            half.unlink(missing_ok=True)
    elif as_csv:  # stdout may be a pipe, or no file at all
        with tempfile.TemporaryDirectory(prefix="citylake-") as folder:
            yield Path(folder) / "answer.csv"
    else:
        yield None


def print_csv(answer: "duckdb.DuckDBPyRelation", way: Path) -> None:
    """DuckDB writes the text, whole columns at a time: instants in ISO 8601 with Z, local times without."""
    names = unique(answer.columns)
    _picked(answer, names, iso=True).write_csv(str(way), header=True)
    with way.open(encoding="utf-8", newline="") as text:
        shutil.copyfileobj(text, sys.stdout)


def write_parquet(answer: "duckdb.DuckDBPyRelation", way: Path) -> int:
    """Write the answer as it comes, in bounded memory; returns its rows."""
    import pyarrow.parquet as pq

    _picked(answer, unique(answer.columns)).write_parquet(str(way), compression="zstd")
    return int(pq.ParquetFile(way).metadata.num_rows)


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


def _picked(answer: "duckdb.DuckDBPyRelation", names: Sequence[str], iso: bool = False) -> "duckdb.DuckDBPyRelation":
    """The answer under names that come once; by place, for in an answer two columns may have one name."""
    from assets.duck import quoted

    parts = []
    for number, (name, kind) in enumerate(zip(names, map(str, answer.types), strict=True), 1):
        value = f"#{number}"
        if iso and kind.startswith("TIMESTAMP"):
            value = f"replace({value}::VARCHAR, ' ', 'T')"
            value = f"replace({value}, '+00', 'Z')" if "ZONE" in kind else value
        parts.append(f"{value} AS {quoted(name)}")
    return answer.project(", ".join(parts))


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
    """Cells by column; what is empty in a row that the publish gate withheld is so named."""
    from dagster_project.cli.terminal import cell

    if not rows:
        return [[] for _ in names]
    gates = [n for n in GATES if n in names]
    held = [any(row[names.index(n)] == SUPPRESSED for n in gates) for row in rows]
    out = []
    for values in zip(*rows, strict=True):
        numbers = [v for v in values if v is not None]
        decimal = bool(numbers) and all(isinstance(v, (float, Decimal)) for v in numbers)
        told = aligned(values) if decimal else [cell(v) for v in values]
        out.append([WITHHELD if v is None and h else text for text, v, h in zip(told, values, held, strict=True)])
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
