"""The macros of citylake.duckdb: those of macros.sql, and for every metric one that takes a span of days.

What they answer is written in macros.sql. Which tables they read is told by their text.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources

from assets.duck import literal, quoted
from schemas.city import City
from schemas.registry import table_contracts

HEAD = re.compile(r"CREATE MACRO (?P<name>[\w.\"]+)\((?P<parameters>[^)]*)\) AS(?P<table>\s+TABLE\b)?")


@dataclass(frozen=True)
class Macro:
    """A macro: `name` with its schema, where it is not `main`; `sql` is the statement that creates it."""

    name: str
    parameters: tuple[str, ...]
    doc: str
    sql: str
    is_table: bool

    @property
    def title(self) -> str:
        """As a person writes it: `hourly(first_day, last_day)`."""
        return f"{self.name}({', '.join(self.parameters)})"

    def statements(self) -> list[str]:
        """Statements that create it, and say its doc."""
        place = ".".join(map(quoted, self.name.split(".")))
        return [self.sql, f"COMMENT ON MACRO {'TABLE ' if self.is_table else ''}{place} IS {literal(self.doc)}"]


def macros(city: City, spans: Iterable[str] = ()) -> list[Macro]:
    """The macros of the schema `main`, those that others need first, and then those of some metrics."""
    zone = literal(city.zone)
    own = _read(f"-- IANA time zone of the city, whose days are the lake's days.\nCREATE MACRO city_zone() AS {zone};\n")
    return [*own, *_shared(), *map(between, spans)]


@cache
def _shared() -> tuple[Macro, ...]:
    return tuple(_read((resources.files("assets.exports") / "macros.sql").read_text("utf-8")))


def between(metric: str) -> Macro:
    """A metric's macro: its rows of a span of days; of a metric of months, of the months that reach into it."""
    contract = table_contracts()[f"metrics.{metric}"]
    is_monthly = contract.period == "month"
    first = "CAST(date_trunc('month', CAST(first_day AS DATE)) AS DATE)" if is_monthly else "CAST(first_day AS DATE)"
    about = "months that reach into a span" if is_monthly else "days of a span"
    return Macro(
        f"metrics.{metric}_between",
        ("first_day", "last_day"),
        f"Rows of metrics.{metric} about the {about}, both ends included. {contract.doc}",
        f"CREATE MACRO metrics.{quoted(f'{metric}_between')}(first_day, last_day) AS TABLE SELECT * "
        f"FROM metrics.{quoted(metric)} WHERE event_date BETWEEN {first} AND CAST(last_day AS DATE)",
        True,
    )


def _read(text: str) -> list[Macro]:
    """Macros of a file: statements end with a semicolon at the end of a line, and follow the comment that is their doc."""
    found = []
    for statement in re.split(r";\s*\n", text):
        head = HEAD.search(statement)
        if head is None:
            continue
        block = statement[: head.start()].rstrip().rpartition("\n\n")[2]
        doc = " ".join(line.removeprefix("--").strip() for line in block.splitlines() if line.startswith("--"))
        parameters = tuple(p.strip() for p in head["parameters"].split(",") if p.strip())
        found.append(Macro(head["name"], parameters, doc, statement[head.start() :].strip(), bool(head["table"])))
    return found
