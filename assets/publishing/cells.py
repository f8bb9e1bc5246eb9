"""A metric's rows as cells: one per count of a row; and back. Which of them are released is `release`'s.

The cell of the count that carries the row has the column "".
"""

import re
from collections.abc import Sequence
from functools import cache

import polars as pl

from schemas.contract import Contract
from schemas.publish import Publish
from schemas.stages import OF_RELEASE, RELEASE, RELEASED, SUPPRESSED, WITHHELD_COLUMNS

ROW = ""
OF_PUBLISHED = tuple(c.name for c in (*RELEASE, *OF_RELEASE))
PARTS = pl.List(pl.Struct({"table": pl.String, "part": pl.String, "count": pl.Int64, "is_hidden": pl.Boolean}))
STATE = {"_column": pl.String(), "_was": pl.String(), "_old": pl.Int64(), "_hidden_count": pl.Int64(), "_parts": PARTS}
"""What is remembered of the cells of a released row."""


def key_of(contract: Contract) -> list[str]:
    """The columns that tell a row from others, the day first."""
    return ["event_date", *(k for k in contract.key if k != "event_date")]


def counts_of(contract: Contract) -> list[str]:
    """Counts other than the one that carries the row."""
    publish = contract.publish or Publish()
    left = {*contract.key, publish.count, *publish.plain}
    return [c.name for c in contract.columns if c.kind == "int" and c.name not in left]


@cache
def _mentions(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def made_of(contract: Contract, count: str) -> set[str]:
    """The columns that tell of a count: itself, `x_*` of `x_n`, and those whose formula names one of these."""
    begin = count.removesuffix("n") if count.endswith("_n") else None
    out = {c.name for c in contract.columns if c.name == count or (begin and c.name.startswith(begin))}
    while True:
        more = {c.name for c in contract.columns if c.name not in contract.key and c.formula and out & _mentions(c.formula)} - out
        more -= {(contract.publish or Publish()).count}
        if not more:
            return out
        out |= more


def cells(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Cells of rows: the key, `_row`, `_column`, `_count` (0 where unknown), `_rest` (what it is a part of less it), `_split`."""
    publish, key = contract.publish or Publish(), key_of(contract)
    numbered = rows.with_row_index("_row")
    names = [publish.count, *counts_of(contract)]
    split = {n: str(i) for i, of in enumerate(publish.splits) for n in of}
    of = {n: _whole(n, names) for n in names}
    return pl.concat(
        numbered.select(
            "_row",
            *key,
            pl.lit(ROW if n == publish.count else n).alias("_column"),
            pl.col(n).fill_null(0).cast(pl.Int64).alias("_count"),
            ((pl.col(of[n] or n) - pl.col(n)) if of[n] else pl.lit(None)).cast(pl.Int64).alias("_rest"),
            pl.lit(split.get(n, f"={n}")).alias("_split"),
            pl.lit(n in split).alias("_is_split"),
            (pl.col(publish.largest_share) if publish.largest_share and n == publish.count else pl.lit(None))
            .cast(pl.Float64)
            .alias("_share"),
        )
        for n in names
    )


def _whole(name: str, names: Sequence[str]) -> str | None:
    """The count that a count is a part of, by its name: `travel_within_n` of `travel_n`, `travel_n` of the row's."""
    if not name.endswith("_n"):
        return None
    longer = [n for n in names[1:] if n.endswith("_n") and n != name and name.startswith(n.removesuffix("n"))]
    return max(longer, key=len) if longer else names[0]


def remembered(before: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """The state of the cells of released rows: the key, `_column`, `_was`, `_old`, `_hidden_count`, `_parts`."""
    key = key_of(contract)
    return (
        before.select(*key, pl.col("_cells").str.json_decode(pl.List(pl.Struct(STATE))).alias("c"))
        .explode("c")
        .unnest("c")
        .drop_nulls("_column")
    )


def assembled(rows: pl.DataFrame, judged: pl.DataFrame, before: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Released rows from judged cells (`_row`, `_column`, `_hidden`, `_held` and the state to remember)."""
    key, schema = key_of(contract), contract.polars_schema("published")
    state = judged.group_by("_row").agg(pl.struct(*STATE).sort_by("_column").alias("_cells"))
    state = state.with_columns(_as_json("_cells"))
    flags = rows.with_row_index("_row").join(state, on="_row", how="left", maintain_order="left")
    old = before.select(*key, *(pl.col(c).alias(f"old {c}") for c in schema if c not in (*key, RELEASED, "_cells")))
    flags = flags.join(old, on=key, how="left", nulls_equal=True, maintain_order="left")
    hides: dict[str, list[pl.Expr]] = {}
    holds: dict[str, list[pl.Expr]] = {}
    for (name,), part in judged.partition_by("_column", as_dict=True).items():
        judged_so = part.select("_row", pl.col("_hidden").alias(f"hide {name}"), pl.col("_held").alias(f"hold {name}"))
        flags = flags.join(judged_so, on="_row", how="left", maintain_order="left")
        touched = {c for c in schema if c not in (*key, "local_time", *OF_PUBLISHED)} if name == ROW else made_of(contract, name)
        for column in touched:
            hides.setdefault(column, []).append(pl.col(f"hide {name}"))
            holds.setdefault(column, []).append(pl.col(f"hold {name}"))
    whole, kept = pl.col(f"hide {ROW}"), pl.col(f"hold {ROW}")
    columns = [
        pl.when(kept).then(f"old {c}").when(pl.any_horizontal(hides[c])).then(None)
        .when(pl.any_horizontal(holds[c])).then(f"old {c}").otherwise(c).cast(t).alias(c)
        for c, t in schema.items()
        if c in hides
    ]  # fmt: skip
    release = pl.when(kept).then(pl.lit("held")).when(whole).then(pl.lit(SUPPRESSED)).otherwise(pl.lit("published"))
    out = flags.with_columns(*columns, release.alias(RELEASED))
    how = contract.publish or Publish()
    never = {c for c in (*how.inside, how.largest_share) if c}
    out = out.with_columns(pl.lit(None).alias(c) for c in never)
    gone = hides | {c: [pl.lit(True)] for c in never}
    named = pl.concat_list(pl.when(pl.any_horizontal(gone[c])).then(pl.lit(c)) for c in contract.names if c in gone)
    listed = named.list.drop_nulls().list.join(",").replace("", None)  # a row that is withheld says so itself
    listed = pl.when(kept).then(f"old {WITHHELD_COLUMNS}").when(~whole).then(listed)
    out = out.with_columns(listed.alias(WITHHELD_COLUMNS))
    if "null_reason" in schema:
        said = pl.when(whole & ~kept).then(pl.lit(SUPPRESSED)).otherwise("null_reason")
        out = out.with_columns(said.alias("null_reason"))
    return out.select(pl.col(c).cast(t) for c, t in schema.items()).sort(key)


def _as_json(column: str) -> pl.Expr:
    """A list of structs as JSON text: an object of one list is what Polars encodes."""
    text = pl.struct(pl.col(column).alias("c")).struct.json_encode()
    return text.str.strip_prefix('{"c":').str.strip_suffix("}").alias(column)
