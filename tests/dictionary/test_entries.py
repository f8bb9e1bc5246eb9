"""What the dictionary says of limits and rows is so: thresholds are those that the SQL reads, examples keep their contract."""

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from assets import functions
from assets.dependencies import macros
from assets.dictionary.entry import entries, examples, judged_by, packaged_limits
from assets.dictionary.words import publishing
from schemas import registry
from schemas.column import Column
from schemas.conform import split
from tests.metrics.conftest import golden

from . import examples as made

ENTRIES = {e.page: e for e in entries()}
METRICS = [e for e in ENTRIES.values() if e.contract.layer == "metric" and not e.is_of_the_house]
SQL = Path(functions.__file__).parents[1]
GATE = {"publish_min_count", "publish_min_customers", "publish_max_customer_share"}


def reachable(text: str, seen: set[str]) -> str:
    """Text of a query and all that it names: shared views and macros, found by a search for their names alone."""
    out = [text]
    for view in set(re.findall(r"\bviews\.(\w+)", text)):
        place = SQL / "views" / f"{view}.sql"
        if view not in seen and place.is_file():
            seen.add(view)
            out.append(reachable(place.read_text("utf-8"), seen))
    for name in set(re.findall(r"\b(\w+)\(", text)) & set(macros()):
        if name not in seen:
            seen.add(name)
            out.append(reachable(re.split(r"\bAS\b", macros()[name], maxsplit=1)[1], seen))
    return "\n".join(out)


@pytest.mark.parametrize("entry", METRICS, ids=lambda e: e.name)
def test_thresholds_of_a_metric_are_those_that_its_sql_reads(entry) -> None:
    text = reachable((SQL / "metrics" / f"{entry.name}.sql").read_text("utf-8"), set())
    named = set(re.findall(r"threshold\('(\w+)'\)", text))
    if "health_rows" not in text:  # made from contracts, and tested with the feeds
        assert set(entry.thresholds) - GATE == named
    gated = bool(set(entry.thresholds) & GATE)
    assert gated == entry.contract.is_gated


def test_thresholds_of_a_feed_are_those_of_its_tests() -> None:
    for entry in ENTRIES.values():
        health = entry.contract.health
        if health is not None:
            direct = set(re.findall(r"threshold\('(\w+)'\)", " ".join(c for _, c in health.tests)))
            assert direct <= set(entry.thresholds), entry.name


def test_every_threshold_is_of_something() -> None:
    code = "\n".join(f.read_text("utf-8") for f in SQL.glob("*.py"))  # such as those of `citylake doctor feeds`
    assert not [name for name in packaged_limits() if not judged_by(name) and f'"{name}"' not in code]


@pytest.mark.parametrize("name", ENTRIES)
def test_an_example_keeps_its_contract(name: str) -> None:
    entry = ENTRIES[name]
    contract, told = entry.contract, entry.example
    if told is None and contract.layer != "metric":
        pytest.skip("no sample of it")
    assert told is not None, "write a golden case, and run `make docs`"
    assert (made.TESTS.parent / told["from"]).is_file()
    assert set(told["row"]) <= {c.name for c in contract.stage_columns("metrics" if contract.layer == "metric" else "reference")}
    row = {c.name: typed(c, told["row"].get(c.name, c.default)) for c in contract.columns}
    row |= {c.name: datetime(2026, 6, 2, tzinfo=UTC) for c in contract.columns if c.from_receipt and row[c.name] is None}
    frame = pl.DataFrame([row], schema=contract.polars_schema()).with_columns(pl.lit(0, pl.Int64).alias("_position"))
    frame = frame.with_columns(pl.coalesce(c.name, pl.lit(0)) for c in contract.columns if c.from_place)
    kept, faults = split(frame, contract, datetime(2030, 1, 1, tzinfo=UTC))
    assert kept.height == 1, faults


def typed(column: Column, value: object) -> object:
    if isinstance(value, str) and column.kind in ("instant", "local_time"):
        return datetime.fromisoformat(value)
    if isinstance(value, str) and column.kind == "date":
        return date.fromisoformat(value)
    return float(value) if column.kind == "float" and isinstance(value, int) else value


def test_samples_are_as_they_lie_there() -> None:
    for name in registry.feeds():
        told = examples().get(f"feed.{name}")
        assert told is None or json.loads((made.TESTS.parent / told["from"]).read_text("utf-8")) == told["row"]
    assert examples()


def test_examples_are_fresh(tmp_path: Path) -> None:
    """Digests tell of metrics whose case or SQL changed; the rows themselves are measured again in the slow test."""
    found = examples()
    stale = [m for m in filter(golden, registry.metrics()) if found.get(f"metric.{m}", {}).get("digest") != made.digest(m)]
    assert not stale, "run `make docs`"
    assert not [n for n in registry.feeds() if made.of_feed(n) != found.get(f"feed.{n}")], "run `make docs`"
    assert not [n for n in registry.references() if made.of_reference(n, tmp_path) != found.get(f"reference.{n}")]


@pytest.mark.slow
def test_examples_are_what_the_metrics_measure(tmp_path: Path) -> None:
    assert made.collect(tmp_path, {}) == examples()


@pytest.mark.parametrize("entry", [e for e in ENTRIES.values() if e.contract.is_gated], ids=lambda e: e.name)
def test_the_rule_of_what_is_told_names_all_that_the_contract_says(entry) -> None:
    said = " ".join(publishing(entry.contract, dict.fromkeys(GATE, 7.5)))
    publish = entry.contract.publish
    named = {publish.count, *publish.plain, *publish.across, *publish.inside, *(c for s in publish.splits for c in s)}
    named |= {n for n in (publish.of, publish.largest_share) if n}
    assert all(f"`{n}`" in said for n in named)
    assert "7.5" in said
