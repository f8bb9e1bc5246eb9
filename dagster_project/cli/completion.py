"""Names that a shell completes: tables, feeds, the last word of a question. Nothing heavy is imported: a key press waits for it.

They are told by the names of the contracts' files, and by the folders of the lake at hand.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[2] / "schemas"
LAYERS = {"raw": "feeds", "quarantine": "feeds", "refined": "feeds", "metrics": "metrics", "reference": "reference"}
WORDS = ("SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "DESCRIBE", "SUMMARIZE")


def feed_names(incomplete: str) -> list[str]:
    """Feeds that begin so."""
    return [n for n in _contracts("feeds") if n.startswith(incomplete)]


def table_names(ctx: Any, incomplete: str) -> list[str]:
    """Tables that begin so, as `layer.name`."""
    return [t for t in _tables(ctx) if t.startswith(incomplete)]


def of_sql(ctx: Any, incomplete: str) -> list[str]:
    """The question, its last word completed to a table or a word of SQL."""
    start, word = re.fullmatch(r"(.*?)([\w.]*)", incomplete, re.S).groups()  # type: ignore[union-attr]
    if not word:
        return []
    words = [w.lower() if word.islower() else w for w in WORDS]
    return [start + found for found in (*_tables(ctx), *words) if found.startswith(word)]


def _tables(ctx: Any) -> list[str]:
    told = {f"{layer}.{name}" for layer, folder in LAYERS.items() for name in _contracts(folder)}
    return sorted({*told, *_held(ctx), "ledger.ledger"})


def _contracts(folder: str) -> list[str]:
    return sorted(f.stem for f in (SCHEMAS / folder).glob("*.py") if not f.stem.startswith("_"))


def _held(ctx: Any) -> Iterator[str]:
    """Tables of the lake at hand, if it is a folder; whatever is wrong with its settings is told by the command itself."""
    given = dict(getattr(ctx, "params", None) or {})
    path = Path(given.get("config") or os.environ.get("CITYLAKE_TOML", "citylake.toml"))
    try:
        root = given.get("lake") or path.parent / tomllib.loads(path.read_text("utf-8")).get("lake", {}).get("root", "lake")
        for log in Path(root).glob("*/*/_delta_log"):
            yield f"{log.parts[-3]}.{log.parts[-2]}"
    except (OSError, ValueError, TypeError, AttributeError):
        return
