"""Which columns of an answer come straight from one column of one table, so that its unit may stand beneath them.

Nothing is guessed: what is computed, renamed apart from its table or read from a subquery has no unit here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

    from schemas.column import Column
    from schemas.tables import Named


def columns(con: "duckdb.DuckDBPyConnection", sql: str, names: Sequence[str]) -> tuple["Column | None", ...]:
    """By place in an answer with these names, the contract's column it comes from, or None."""
    from assets.sealed import parsed

    none: tuple[Column | None, ...] = (None,) * len(names)
    node = parsed(con, sql)
    tables = _tables((node or {}).get("from_table") or {})
    if node is None or node.get("type") != "SELECT_NODE" or not tables or node["cte_map"]["map"]:
        return none
    found: list[Column | None] = []
    for item in node["select_list"]:
        found += _picked(item, tables, len(names) if len(node["select_list"]) == 1 else 0)
    return tuple(found) if len(found) == len(names) else none


def _tables(source: dict[str, Any]) -> list[tuple[str, "Named"]]:
    """(name in the question, table), if all that is read are the lake's tables."""
    from schemas.tables import every

    if source.get("type") == "JOIN":
        both = [_tables(source[side]) for side in ("left", "right")]
        # a column that a join has once is told of twice by a star
        return [*both[0], *both[1]] if all(both) and not source["using_columns"] else []
    if source.get("type") != "BASE_TABLE" or source["column_name_alias"]:
        return []
    layer, name = source["schema_name"] or source["table_name"], source["table_name"]
    table = every().get(f"{layer}.{name}".lower())
    return [(source["alias"] or source["table_name"], table)] if table else []


def _picked(item: dict[str, Any], tables: list[tuple[str, "Named"]], width: int) -> list["Column | None"]:
    if item["type"] == "STAR" and width and not (item["columns"] or item["replace_list"] or item["exclude_list"]):
        every_one = [c for _, t in tables for c in t.columns]
        return list(every_one) if len(every_one) == width else [None] * width
    if item["type"] != "COLUMN_REF":
        return [None]
    *of, name = item["column_names"]
    of_those = [t for known, t in tables if not of or known.lower() == of[-1].lower()]
    found = [c for t in of_those if (c := t.column(name)) is not None]
    return [found[0] if len(found) == 1 else None]
