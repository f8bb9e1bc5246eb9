"""What is wrong with a question, in one line: what DuckDB found, and which table or column was meant, of which table.

Asking is `query`'s; names come from the contracts.
"""

import difflib
import re
from collections.abc import Sequence

from dagster_project.cli.lake_tables import nearest
from schemas.errors import CitylakeError
from schemas.tables import Named, every

WHERE = "query"
NO_TABLE = re.compile(r"Table with name (\S+) does not exist")
NO_COLUMN = (
    re.compile(r'Referenced column "(.+?)" (?:not found|was not found)'),
    re.compile(r'does not have a column named "(.+?)"'),
    re.compile(r'[Cc]olumn "(.+?)" (?:in .+? )?(?:does not exist|not found)'),
)
CLOSED = re.compile(r'Cannot access (?:file|directory) "(.+?)"|external extensions is disabled|configuration has been locked')
ALIKE = 0.7
SHORTEST = 3
LISTED = 12
CANDIDATES = ("Candidate bindings: ", "Did you mean ")
LOOK = "`citylake tables` lists the tables, `citylake describe TABLE` the columns"


def explained(text: str, sql: str, tables: Sequence[Named]) -> CitylakeError:
    """The fault in a question about these tables, from DuckDB's message."""
    head, *rest = [line.strip() for line in text.split("\n") if line.strip()]
    found = head.split("Error: ", 1)[-1].rstrip("!.")
    missing = NO_TABLE.search(found)
    if missing:
        title = _written(missing[1].strip('"'), sql)
        return CitylakeError(WHERE, f"there is no table {title}", _said(rest, "quality.") or nearest(title))
    if CLOSED.search(found):
        return CitylakeError(WHERE, found, "a question reads the lake's tables and nothing else; FROM layer.name")
    for pattern in NO_COLUMN:
        missing = pattern.search(found)
        if missing:
            there = f" in {_or([t.title for t in tables], 'and')}" if tables else ""
            return CitylakeError(WHERE, f"there is no column {missing[1]}{there}", column(missing[1], tables, rest))
    # what cuts an answer to size is written around the question, and told of as if it were hers
    lines = (line for line in rest if line.startswith("LINE "))
    near = next((line for line in lines if line.partition(": ")[2].strip(". ") in " ".join(sql.split())), "")
    remedy = _said(rest) or ("correct the SQL" if near else LOOK)
    return CitylakeError(WHERE, f"{found} ({near})" if near else found, remedy)


def column(name: str, tables: Sequence[Named], rest: Sequence[str] = ()) -> str:
    """What to write instead of a column that the tables do not have; failing that, which table has it, or what they have."""
    short = name.rsplit(".", 1)[-1].lower()
    scored = {(t.title, c.name): _likeness(short, c.name.lower()) for t in tables for c in t.columns}
    near = sorted((k for k, score in scored.items() if score >= ALIKE), key=lambda k: -scored[k])[:3]
    if near:
        return f"perhaps {_or([f'{name} of {title}' for title, name in near])} is meant"
    if not tables and _said(rest):
        return _said(rest)
    elsewhere = [t.title for t in every().values() if t.column(short) is not None]
    if elsewhere:
        return f"{_or(elsewhere[:3])} has it"
    if len(tables) == 1 and len(tables[0].columns) <= LISTED:
        return f"it has {', '.join(c.name for c in tables[0].columns)}"
    return f"`citylake describe {tables[0].title}` lists its columns" if len(tables) == 1 else LOOK


def _likeness(name: str, known: str) -> float:
    """0 to 1; a word of a name counts a little less than the whole of it, as its beginning does: speed, vol."""
    words = known.split("_")
    of_words = max(difflib.SequenceMatcher(None, name, word).ratio() for word in words)
    begins = len(name) >= SHORTEST and any(word.startswith(name) for word in words)
    return max(difflib.SequenceMatcher(None, name, known).ratio(), 0.95 * of_words, ALIKE if begins else 0.0)


def _written(name: str, sql: str) -> str:
    """A table's name with the layer that was written before it."""
    before = re.search(rf'(\w+)"?\s*\.\s*"?{re.escape(name)}\b', sql, re.I)
    return f"{before[1]}.{name}" if before and "." not in name else name


def _said(rest: Sequence[str], within: str = "") -> str:
    """What DuckDB itself thinks is meant; only of one schema, if that is asked."""
    for line in rest:
        for start in CANDIDATES:
            names = line.removeprefix(start).replace('"', "").rstrip("?!. ").split(", ") if line.startswith(start) else []
            if names and all(n.startswith(within) for n in names):
                return f"perhaps {_or(names[:3])} is meant"
    return ""


def _or(names: Sequence[str], word: str = "or") -> str:
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
