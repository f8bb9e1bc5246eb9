"""One dataset of the dictionary as a page of Markdown.

What is said of it comes from `entry` and `words`; the pages that datasets share are in `shared`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from assets.dictionary import words
from assets.dictionary.entry import FOLDERS, Entry, packaged_limits
from assets.dictionary.words import code
from schemas.column import Column

GENERATED = "<!-- Generated from the contracts by `make docs`; edit those. -->"


def page(entry: Entry) -> str:
    """The page of one dataset."""
    c = entry.contract
    sections = [
        *heading(f"# {c.name}", c.doc),
        *(f"- {name}: {value}" for name, value in words.facts(c)),
        "",
        *heading("## Columns"),
        *columns(c.columns, bare=c.layer != "feed"),
        *_lineage(entry),
        *_limits(entry.thresholds),
        *_quality(entry),
        *heading("## Freshness", *(f"- {said}" for said in words.freshness(c))),
        *heading("## What is told outside", *(f"- {said}" for said in entry.published())),
        *_example(entry),
        *_wire(c.wire),
        *(heading("## Sources", *(f"- {s}" for s in c.sources)) if c.sources else ()),
    ]
    return finished(sections, up="../../")


def heading(title: str, *lines: str) -> list[str]:
    """A heading and lines under it."""
    return [title, "", *lines, *([""] if lines else [])]


def finished(lines: Iterable[str], up: str) -> str:
    """The text of a page: where it comes from, its lines, and the way back."""
    back = [f"[Data dictionary]({up}dictionary.md)", ""] if up else []
    return "\n".join([GENERATED, "", *back, *lines]).rstrip("\n") + "\n"


def columns(of: Sequence[Column], bare: bool = True) -> list[str]:
    """A table of columns; `bare` ones have no privacy class to tell."""
    head = ("column", "type", "unit", "meaning", "values", "formula", "privacy")
    rows = [
        (f"`{c.name}`", c.kind, c.unit or "", c.doc, words.values(c), f"`{c.formula}`" if c.formula else "",
         "" if bare else c.treatment)
        for c in of
    ]  # fmt: skip
    return table(head, rows)


def link(full: str) -> str:
    """A table of the lake (`refined.x`) as a link to its dataset's page, from the page of another."""
    layer, _, name = full.partition(".")
    folder = {"reference": "reference", "metrics": "metrics"}.get(layer, FOLDERS["feed"])
    return f"[`{full}`](../{folder}/{name}.md)" if name else f"[`{full}`](../lake.md#ledger)"


def _lineage(entry: Entry) -> list[str]:
    c = entry.contract
    said = [
        ("made of" if c.layer == "metric" else "devices described by", ", ".join(map(link, entry.reads))),
        ("through the shared views", code(entry.through)),
        ("describes the devices of", ", ".join(link(f"refined.{n}") for n in entry.corrects)),
        ("read by the metrics", ", ".join(link(f"metrics.{n}") for n in entry.read_by)),
        ("read by the alert rules" if not entry.is_of_the_house else "raised by the rules", code(r.name for r in entry.alerts)),
    ]
    out = heading("## Lineage", *(f"- {name}: {value}" for name, value in said if value))
    if not any(value for _, value in said):
        out = heading("## Lineage", "Nothing reads it but people.")
    if entry.made_of:
        out += [
            "What flows into the value of a column; conditions and joins are not in it, and counts of rows are of no column.",
            "",
        ]
        out += table(("column", "made of"), [(f"`{n}`", code(m) or "-") for n, m in entry.made_of.items()])
    elif c.layer == "metric" and not entry.is_of_the_house:
        out += ["Its SQL is too intricate to be traced column by column.", ""]
    if entry.used_by:
        names = dict.fromkeys(n for n in (*c.names, *entry.used_by) if n in entry.used_by)
        out += table(("column", "flows into"), [(f"`{n}`", _by_table(entry.used_by[n])) for n in names])
    return out


def _by_table(columns: Iterable[str]) -> str:
    """`table.column`s, the columns of each table beside each other."""
    grouped: dict[str, list[str]] = {}
    for one in columns:
        grouped.setdefault(one.rpartition(".")[0], []).append(one.rpartition(".")[2])
    return "; ".join(f"{of}: {code(names)}" for of, names in grouped.items())


def _limits(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    note = "Values of the package; a city's own `reference.thresholds` replace them, and its board shows those in force."
    return [*heading("## Thresholds", note), *table(*limits(names))]


def limits(names: Iterable[str]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows of a table of thresholds."""
    head = ("name", "value", "unit", "source", "edition")
    return head, [(f"`{n}`", *(packaged_limits()[n][h] for h in head[1:])) for n in names]


def _quality(entry: Entry) -> list[str]:
    out = heading("## Quality", words.held(entry.contract))
    if entry.rules:
        out += table(("rule", "of", "says", "as SQL"), [(n, of, doc, f"`{sql}`") for n, of, doc, sql in entry.rules])
    if entry.tests:
        rows = [(str(i), verdict, f"`{condition}`") for i, (verdict, condition) in enumerate(entry.tests, 1)]
        out += ["Health of its devices by day, the first test that holds:", "", *table(("test", "verdict", "where"), rows)]
    if entry.is_of_the_house:
        told = [(r.name, r.doc, r.severity, "; ".join(r.sources)) for r in entry.alerts]
        out += table(("alert rule", "tells", "severity", "sources"), told)
    return out


def _example(entry: Entry) -> list[str]:
    if entry.example is None:
        return heading("## Example", "No sample or golden case holds a row of it.")
    shown = json.dumps(entry.example["row"], indent=2, ensure_ascii=False)
    kind = "A row as it comes" if entry.contract.layer == "feed" else "A row"
    kind += " (its guarded columns are stored otherwise)" if entry.contract.guarded else ""
    return heading("## Example", f"{kind}, from {entry.example['from']}:", "", "```json", shown, "```")


def _wire(wire: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Which names of which standard the columns are, unless a source's block says otherwise."""
    out = ["## As it arrives", ""] if wire else []
    for known, block in wire.items():
        fmt, _, kind = known.partition("/")
        of_type = f', `type = "{kind}"`' if kind else ""
        others = [f"`{k} = {v!r}`" for k, v in block.items() if k != "columns"]
        out += [f"As `{fmt}`{of_type}" + (f", with {', '.join(others)}" if others else "") + ":", ""]
        names: Mapping[str, object] = block.get("columns", {})  # type: ignore[assignment]
        out += table(("column", "comes from"), [(f"`{n}`", words.incoming(v)) for n, v in names.items()])
    return out


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table and a blank line; columns in which nothing is said are left out."""
    body = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in rows]
    told = [i for i in range(len(head)) if any(row[i] for row in body)]
    lines = [[head[i] for i in told], ["---"] * len(told), *([row[i] for i in told] for row in body)]
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]
