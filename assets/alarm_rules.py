"""The rules of alerts: what `assets/alerts/*.sql` say of themselves in their first lines, checked, and what they read.

Rows a rule is run over, and what becomes of what it returns, do not belong here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import sqlglot
from sqlglot import exp

from assets.dependencies import macros, query
from schemas import registry
from schemas.alerts import SEVERITIES
from schemas.errors import CitylakeError, SettingsError

FOLDER = "alerts"
NUMBERS = {"every_s": (1, 3600), "window_s": (1, 86_400), "latest_rows": (1, 1000), "cool_down_s": (0, 86_400)}
"""Numbers of a rule's head and their bounds: how often it is asked at most, how many seconds back rows are needed, how
many rows of each series (the key without its time) at most, and how long the condition must be gone before the alert
closes."""

MAY = ("of_each", "devices")
"""What a head may say besides: that rows are counted for each `device` instead of each series, and an SQL condition on
the reference table that describes the devices, where rows of others are not needed."""


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        doc: what it says, as a sentence.
        columns: feed -> the contract's columns of it that the SQL names, in the contract's order.
        references: reference tables it reads.
        thresholds: limits it judges by.
        macros: statements of `assets/macros.sql` that it uses.
        functions: modules of `assets/functions` that it calls.
    """

    name: str
    doc: str
    severity: str
    every_s: int
    window_s: int
    latest_rows: int
    cool_down_s: int
    of_each: str
    devices: str | None
    sources: tuple[str, ...]
    text: str
    columns: dict[str, tuple[str, ...]]
    references: frozenset[str]
    thresholds: frozenset[str]
    macros: frozenset[str]
    functions: frozenset[str]

    @property
    def where(self) -> str:
        """The place of the rule, for errors."""
        return f"assets/{FOLDER}/{self.name}.sql"


def names() -> list[str]:
    """Every rule there is, sorted."""
    return sorted(f.name.removesuffix(".sql") for f in files(f"assets.{FOLDER}").iterdir() if f.name.endswith(".sql"))


def rules(wanted: Iterable[str] | None = None) -> list[Rule]:
    """The rules asked for, or all of them."""
    known = names()
    asked = known if wanted is None else list(dict.fromkeys(wanted))
    for name in asked:
        if name not in known:
            raise SettingsError(f"alert rule {name}", "there is no such rule", f"use one of {', '.join(known)}")
    return [rule(name) for name in asked]


@cache
def rule(name: str) -> Rule:
    """The rule of one SQL file.

    Raises:
        CitylakeError: its head is not complete, or it reads what is not there.
    """
    asked = query(FOLDER, name)
    where = f"assets/{FOLDER}/{name}.sql"
    head = _head(where, asked.text)
    tree = sqlglot.parse_one(asked.text, read="duckdb")
    for table in sorted(asked.tables):
        layer, _, of = table.partition(".")
        if of not in (registry.feeds() if layer == "landed" else registry.references()):
            raise CitylakeError(where, f"it reads {table}, which no contract describes", "correct the name")
    feeds = sorted(t.removeprefix("landed.") for t in asked.tables if t.startswith("landed."))
    if not feeds:
        raise CitylakeError(where, "it reads no landed rows", "read landed.<feed>")
    found = {c.name for c in tree.find_all(exp.Column)}
    return Rule(
        name=name,
        doc=head["doc"],
        severity=head["severity"],
        **{n: int(head[n]) for n in NUMBERS},
        of_each=head.get("of_each", "series"),
        devices=head.get("devices"),
        sources=tuple(head["source"].split("\n")),
        text=asked.text,
        columns={f: _needed(where, tree, f, found) for f in feeds},
        references=frozenset(t.removeprefix("reference.") for t in asked.tables if t.startswith("reference.")),
        thresholds=asked.thresholds,
        macros=asked.macros,
        functions=asked.functions,
    )


def used_macros(of: Iterable[Rule]) -> list[str]:
    """The statements of the macros that some rules use, in the order of their file."""
    wanted = set().union(*(r.macros for r in of))
    return [statement for name, statement in macros().items() if name in wanted]


def _head(where: str, text: str) -> dict[str, str]:
    """The comment at the top: a sentence, then `key: value` lines."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    if not lines or re.match(r"\w+:", lines[0]):
        raise CitylakeError(where, "its first line does not say what it tells of", "begin with `-- <a sentence>`")
    said: dict[str, str] = {"doc": lines[0]}
    for line in lines[1:]:
        key, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or key not in ("severity", "source", *NUMBERS, *MAY) or not value:
            raise CitylakeError(
                where, f"{line!r} says nothing that a rule's head knows", "use severity, source, " + ", ".join(NUMBERS)
            )
        if key in said and key != "source":
            raise CitylakeError(where, f"{key} stands twice", "keep one")
        said[key] = f"{said[key]}\n{value}" if key in said else value
    for key in ("severity", "source", *NUMBERS):
        if key not in said:
            raise CitylakeError(where, f"it does not say its {key}", f"add `-- {key}: ...` to its first lines")
    if said["severity"] not in SEVERITIES:
        raise CitylakeError(where, f"severity {said['severity']!r}", f"use one of {', '.join(SEVERITIES)}")
    if said.get("of_each", "series") not in ("series", "device"):
        raise CitylakeError(where, f"of_each {said['of_each']!r}", "use series or device")
    for key, (least, most) in NUMBERS.items():
        if not said[key].isdigit() or not least <= int(said[key]) <= most:
            raise CitylakeError(where, f"{key} {said[key]!r}", f"write a whole number from {least} to {most}")
    return said


def _needed(where: str, tree: exp.Expr, feed: str, found: set[str]) -> tuple[str, ...]:
    """Columns of a feed that the SQL names, and those that tell its rows apart."""
    for select in tree.find_all(exp.Select):
        source = select.args.get("from_") or select.args.get("from")
        reads = source is not None and isinstance(source.this, exp.Table) and source.this.db == "landed"
        if reads and any(isinstance(e, exp.Star) for e in select.expressions):
            raise CitylakeError(where, "it takes * of landed rows", "name the columns: rows are held with no others")
    contract = registry.feed(feed)
    own = found | set(contract.key) | {contract.event_time}
    return tuple(c for c in contract.names if c in own)
