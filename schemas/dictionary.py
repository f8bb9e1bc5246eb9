"""Writes the data dictionary, docs/dictionary.md, from the registry: what each table and column means.

Nothing is declared here; prose about how to use the lake belongs in README.md.
"""

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from schemas import ledger, registry
from schemas.column import IDENTIFIER, Column
from schemas.contract import QUARANTINE, STAGE_COLUMNS, Contract
from schemas.errors import CitylakeError
from schemas.odcs import TABLES
from schemas.rejection import MEANING
from schemas.stages import OF_SNAPSHOTS
from schemas.units import CONVERSIONS

THRESHOLDS = Path(__file__).parent / "reference" / "thresholds.csv"

HEAD = """# Data dictionary

Generated from the contracts in `schemas/` by `make docs`; edit those, not this page.

Instants are UTC with microseconds; `local_time` is the wall clock of the city's zone; shares run from 0 to 1;
`required` columns are never empty. Bounds are inclusive. Every table is partitioned by `event_date` unless said otherwise.
"""

TITLES = {"feed": "Feeds", "reference": "Reference tables", "metric": "Metrics"}


def text() -> str:
    """The whole dictionary as Markdown."""
    contracts = {layer: registry.contracts(layer) for layer in TITLES}
    return "\n".join(
        [
            HEAD,
            *_contents(contracts),
            *(line for layer, found in contracts.items() for line in _chapter(layer, found.values())),
            "## Tables of the house",
            "",
            *(line for contract in registry.kernel().values() for line in _dataset(contract)),
            *_stages(),
            "## Quarantine",
            "",
            "`quarantine/<feed>`: every refused row, as it came, and why.",
            "",
            *_columns(QUARANTINE),
            "## Ledger",
            "",
            "`ledger`, not partitioned: taken = kept + rejected + repeated + superseded, for every stage, source and day.",
            "",
            *_columns(ledger.COLUMNS),
            "## Rejection codes",
            "",
            "A refused row carries one, the first found: column by column in the contract's order, then time, then row rules.",
            "",
            *_table(("code", "meaning"), ((f"`{code}`", meaning) for code, meaning in MEANING.items())),
            *_thresholds(),
            *_units(),
        ]
    )


def _contents(contracts: dict[str, dict[str, Contract]]) -> list[str]:
    rows = [
        (f"[{name}](#{name})", TITLES[layer].lower(), c.domain, c.doc) for layer in TITLES for name, c in contracts[layer].items()
    ]
    rows += [(f"[{name}](#{name})", "tables of the house", c.domain, c.doc) for name, c in registry.kernel().items()]
    return _table(("dataset", "among", "domain", "a row is"), rows)


def _chapter(layer: str, contracts: Iterable[Contract]) -> list[str]:
    return [f"## {TITLES[layer]}", "", *(line for c in contracts for line in _dataset(c))]


def _dataset(contract: Contract) -> list[str]:
    return [
        f"### {contract.name}",
        "",
        contract.doc,
        "",
        *(f"- {name}: {value}" for name, value in _facts(contract) if value),
        "",
        *_columns(contract.columns),
        *_rules(contract),
        *_health(contract),
        *_wire(contract),
        *(("Sources:", "", *(f"- {s}" for s in contract.sources), "") if contract.sources else ()),
    ]


def _facts(contract: Contract) -> list[tuple[str, str]]:
    stamped = f"`{contract.event_time}`"
    if contract.interval:
        stamped += f", the {contract.stamped} of an interval of `{contract.interval}`"
    facts = [
        ("tables", ", ".join(f"`{layer}/{contract.name}`" for layer in TABLES[contract.layer])),
        ("version", str(contract.version)),
        ("key", ", ".join(f"`{k}`" for k in contract.key)),
    ]
    if contract.layer == "feed":
        facts += [
            ("kind", contract.kind),
            ("event time", stamped),
            ("late", f"received more than {_duration(contract.late_after)} after the event; kept all the same"),
            ("refused as future", f"dated more than {_duration(contract.future_tolerance)} after its receipt"),
            ("refused as implausible", f"dated before {contract.earliest}"),
            ("refused as forbidden content", ", ".join(contract.forbids)),
        ]
    if contract.layer != "reference":
        facts.append(("retention", f"{contract.retention_days} days" if contract.retention_days else "kept without limit"))
    facts.append(("partition", "a month, under its first day" if contract.period == "month" else ""))
    facts.append(("reads back", f"{contract.lookback_days} days before its own" if contract.lookback_days else ""))
    facts.append(("reads ahead", f"{contract.lookahead_days} days after its own" if contract.lookahead_days else ""))
    return facts


def _duration(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"


def _columns(columns: Sequence[Column]) -> list[str]:
    rows = [(f"`{c.name}`", c.kind, c.unit or "", c.doc, _values(c), f"`{c.formula}`" if c.formula else "") for c in columns]
    return _table(("column", "type", "unit", "meaning", "values", "formula"), rows)


def _values(column: Column) -> str:
    """What a column may hold, in a few words."""
    said = [] if column.nullable else ["required"]
    if column.minimum is not None or column.maximum is not None:
        low = "" if column.minimum is None else f"{column.minimum:.12g}"
        high = "" if column.maximum is None else f"{column.maximum:.12g}"
        said.append(f"{low}..{high}")
    if column.allowed:
        said.append(", ".join(f"`{a}`" for a in column.allowed))
    if column.pattern == IDENTIFIER:
        said.append("1 to 400 printable characters")
    elif column.pattern:
        said.append(f"matches `{column.pattern}`")
    if column.default is not None:
        said.append(f"`{column.default}` where the source has none")
    if column.from_place:
        said.append("the row's place in its document where the source has none")
    if column.from_receipt:
        said.append("when the row was received where the source has none")
    if column.privacy != "open":
        said.append(f"privacy: {column.treatment}")
    return "; ".join(said)


def _rules(contract: Contract) -> list[str]:
    rows = [(r.name, "row, else refused", r.doc, f"`{r.condition}`") for r in contract.row_rules]
    rows += [(r.name, f"partition, {r.severity}", r.doc, f"`{r.broken}` is 0") for r in contract.table_rules]
    return _table(("rule", "of", "says", "as SQL"), rows) if rows else []


def _wire(contract: Contract) -> list[str]:
    """Which names of which standard the columns are, unless a source's block says otherwise."""
    out = []
    for known, block in contract.wire.items():
        fmt, _, kind = known.partition("/")
        of_type = f', `type = "{kind}"`' if kind else ""
        others = [f"`{k} = {v!r}`" for k, v in block.items() if k != "columns"]
        out += [f"As `{fmt}`{of_type}" + (f", with {', '.join(others)}" if others else "") + ":", ""]
        out += _table(("column", "comes from"), ((f"`{n}`", _incoming(v)) for n, v in block.get("columns", {}).items()))
    return out


def _incoming(mapping: Any) -> str:
    """A mapping of a source's block in a few words."""
    if not isinstance(mapping, Mapping):
        return f"`{mapping}`" if isinstance(mapping, str) else ", ".join(f"`{m}`" for m in mapping)
    names = mapping.get("from", [])
    said = [", ".join(f"`{n}`" for n in ([names] if isinstance(names, str) else names))] if names else []
    return "; ".join(said + [f"{k} {v!r}" for k, v in mapping.items() if k != "from"])


def _health(contract: Contract) -> list[str]:
    """How the feed's devices are judged by day."""
    if contract.health is None:
        return []
    rows = [(str(i + 1), verdict, f"`{condition}`") for i, (verdict, condition) in enumerate(contract.health.tests)]
    return ["Health of its devices by day, the first test that holds:", "", *_table(("test", "verdict", "where"), rows)]


def _stages() -> list[str]:
    out = ["## Columns that a layer adds", ""]
    for layer, (before, after) in STAGE_COLUMNS.items():
        if before or after:
            out += [f"`{layer}/<name>`:", "", *_columns((*before, *after))]
    for layer, more in OF_SNAPSHOTS.items():
        out += [f"`{layer}/<name>` of feeds of snapshots, besides:", "", *_columns(more)]
    return out


def _thresholds() -> list[str]:
    with THRESHOLDS.open(encoding="utf-8", newline="") as lines:
        head, *rows = csv.reader(lines)
    note = "The defaults in `schemas/reference/thresholds.csv`; a city replaces rows by naming its own file."
    return ["## Thresholds", "", note, "", *_table(head, rows)]


def _units() -> list[str]:
    rows = [(unit, ", ".join(incoming)) for unit, incoming in CONVERSIONS.items()]
    note = "Units that a source's block may name, by the lake's own unit."
    return ["## Incoming units", "", note, "", *_table(("lake unit", "accepted"), rows)]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table and a blank line; columns in which nothing is said are left out."""
    body = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    told = [i for i in range(len(head)) if any(row[i] for row in body)]
    lines = [[head[i] for i in told], ["---"] * len(told), *([row[i] for i in told] for row in body)]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def check(path: Path) -> None:
    """Raise CitylakeError where the file is not what the contracts say."""
    if not path.exists() or path.read_text("utf-8") != text():
        raise CitylakeError(str(path), "it is not what the contracts say", "run `make docs`")


def main(arguments: Sequence[str]) -> int:
    """Write the dictionary to a file, or with `--check` tell whether the file is fresh."""
    path = Path(next((a for a in arguments if a != "--check"), "docs/dictionary.md"))
    if "--check" not in arguments:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), "utf-8")
        return 0
    try:
        check(path)
    except CitylakeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
