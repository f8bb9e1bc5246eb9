"""All that the code knows of one dataset: its contract, what its SQL reads and judges by, who reads it, an example row.

What a lake knows of it, and how a page shows it, do not belong here.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from assets import alarm_rules, lineage
from assets.dependencies import macros, thresholds_read
from assets.dictionary import words
from assets.publishing.gate import LIMITS
from schemas import registry
from schemas.column import Column
from schemas.contract import Contract
from schemas.odcs import TABLES

FOLDERS = {"feed": "feeds", "reference": "reference", "metric": "metrics"}
TITLES = {"feed": "Feeds", "reference": "Reference tables", "metric": "Metrics"}


@dataclass(frozen=True)
class Entry:
    """One dataset."""

    contract: Contract

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.contract.name

    @property
    def page(self) -> str:
        """Where its page is among those of the dictionary, without an ending: `metrics/<name>`."""
        return f"{FOLDERS[self.contract.layer]}/{self.name}"

    @property
    def columns(self) -> tuple[Column, ...]:
        """The contract's own columns."""
        return self.contract.columns

    @cached_property
    def is_of_the_house(self) -> bool:
        """Whether the house writes it, and no SQL file of metrics."""
        return self.name in registry.kernel() and self.contract.layer == "metric"

    @cached_property
    def reads(self) -> list[str]:
        """The tables it is made of, as `layer.name`."""
        if self.contract.layer == "feed":
            told = self.contract.described
            return [f"reference.{told.table}"] if told else []
        if self.is_of_the_house:
            read = {f"raw.{f}" for r in alarm_rules.rules() for f in r.columns}
            return sorted(read | {f"reference.{t}" for r in alarm_rules.rules() for t in r.references})
        return lineage.sources(self.name) if self.contract.layer == "metric" else []

    @cached_property
    def through(self) -> list[str]:
        """The shared views of `assets/views` that its SQL goes through."""
        return lineage.views(self.name) if self.contract.layer == "metric" and not self.is_of_the_house else []

    @cached_property
    def read_by(self) -> list[str]:
        """The metrics that read it, by name."""
        return sorted({m for t in self._read_as for m in lineage.readers(t)})

    @cached_property
    def corrects(self) -> list[str]:
        """Of a reference table: the feeds whose devices it describes."""
        found = ((n, c.described) for n, c in registry.feeds().items())
        return [n for n, d in found if self.contract.layer == "reference" and d is not None and d.table == self.name]

    @cached_property
    def alerts(self) -> list[alarm_rules.Rule]:
        """The alert rules that read it; of the table of alerts, all."""
        return [r for r in alarm_rules.rules() if self.is_of_the_house or self.name in (*r.columns, *r.references)]

    @cached_property
    def made_of(self) -> dict[str, tuple[str, ...]]:
        """Of a metric: column to the `layer.table.column`s that its value is made of, where the SQL tells."""
        return lineage.columns(self.name) if self.contract.layer == "metric" and not self.is_of_the_house else {}

    @cached_property
    def used_by(self) -> dict[str, list[str]]:
        """Column to the `metric.column`s that are made of it."""
        out: dict[str, list[str]] = {}
        for table in self._read_as:
            out |= lineage.used_by(table)
        return out

    @cached_property
    def thresholds(self) -> list[str]:
        """Names of the limits by which it is measured, judged or released, in the order of the table of thresholds."""
        named: set[str] = set()
        if self.is_of_the_house:
            named = {t for r in self.alerts for t in r.thresholds}
        elif self.contract.layer == "metric":
            named = thresholds_read(self.name)
        elif self.contract.health is not None:
            named = _in_sql(" ".join(str(v) for v in astuple(self.contract.health)))
        if self.contract.is_gated:
            customers = self.contract.publish is not None and self.contract.publish.largest_share
            named = named | set(LIMITS[1:] if customers else LIMITS[:1])
        return [t for t in packaged_limits() if t in named]

    @cached_property
    def rules(self) -> list[tuple[str, str, str, str]]:
        """Rule, what it is of and what it does, what it says, as SQL."""
        kept = [(r.name, "row, else refused", r.doc, r.condition) for r in self.contract.row_rules]
        return kept + [(r.name, f"partition, {r.severity}: none", r.doc, r.broken) for r in self.contract.table_rules]

    @property
    def tests(self) -> tuple[tuple[str, str], ...]:
        """How the feed's devices are judged by day: verdict and condition, the first that holds."""
        return self.contract.health.tests if self.contract.health else ()

    def published(self, limits: dict[str, float] | None = None) -> list[str]:
        """What of it is told outside, by the packaged limits or those in force."""
        packaged = {n: float(v["value"]) for n, v in packaged_limits().items()}
        return words.publishing(self.contract, packaged if limits is None else limits)

    @property
    def example(self) -> dict[str, Any] | None:
        """`from` (the sample or the case worked by hand) and `row`; None where the tests have none."""
        return examples().get(f"{self.contract.layer}.{self.name}")

    @property
    def _read_as(self) -> list[str]:
        return [f"{layer}.{self.name}" for layer in TABLES[self.contract.layer] if layer != "raw"]


def entries() -> Iterator[Entry]:
    """Every dataset: feeds, reference tables, metrics, and the house's own tables."""
    for layer in TITLES:
        yield from map(Entry, registry.contracts(layer).values())
    yield from map(Entry, registry.kernel().values())


@cache
def packaged_limits() -> dict[str, dict[str, str]]:
    """Every threshold of the package: name to value, unit, source and edition."""
    text = (files("schemas.reference") / "thresholds.csv").read_text(encoding="utf-8")
    return {row["name"]: row for row in csv.DictReader(text.splitlines(keepends=True))}


@cache
def examples() -> dict[str, dict[str, Any]]:
    """Rows of the samples and golden cases, as `make docs` took them from tests/."""
    return dict(json.loads((files("assets.dictionary") / "examples.json").read_text(encoding="utf-8")))


def judged_by(threshold: str) -> list[Entry]:
    """The datasets that a threshold is of."""
    return [e for e in _all() if threshold in e.thresholds]


@cache
def _all() -> tuple[Entry, ...]:
    return tuple(entries())


def _in_sql(text: str) -> set[str]:
    """Thresholds that SQL asks for, through macros too."""
    called = " ".join([text, *(m for n, m in macros().items() if re.search(rf"\b{n}\(", text))])
    return set(re.findall(r"\bthreshold\('(\w+)'\)", called))
