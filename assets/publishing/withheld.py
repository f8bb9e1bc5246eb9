"""What of a released row is withheld, told to those who read released tables. What is withheld is worked out in `release`."""

from collections.abc import Collection, Mapping

from assets.duck import literal
from schemas.stages import RELEASED, SUPPRESSED, WITHHELD_COLUMNS


def row(have: Collection[str]) -> str:
    """SQL: whether the row is withheld, of a table with these columns; never of one that passed no gate."""
    return f"({RELEASED} = {literal(SUPPRESSED)})" if RELEASED in have else "false"


def values(have: Collection[str], asked: Mapping[str, Collection[str]]) -> dict[str, str]:
    """SQL by name: whether the row is told, but withholds one of the name's columns; empty for a table that passed no gate."""
    if WITHHELD_COLUMNS not in have:
        return {}
    lists = {name: ", ".join(map(literal, sorted(columns))) for name, columns in asked.items()}
    return {n: f"coalesce(list_has_any(string_split({WITHHELD_COLUMNS}, ','), [{c}]), false)" for n, c in lists.items()}


def is_withheld(column: str, is_row_withheld: bool, listed: str | None) -> bool:
    """Whether an empty value is, of a row as a reader has it; `listed` is its `withheld_columns`."""
    return column in (listed or "").split(",") or (is_row_withheld and column != WITHHELD_COLUMNS)
