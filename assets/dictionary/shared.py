"""The pages that datasets share: the index, thresholds, and what the lake adds to every table.

A single dataset's page is made in `markdown`.
"""

from assets.dictionary.entry import TITLES, Entry, entries, judged_by, packaged_limits
from assets.dictionary.markdown import columns, finished, heading, limits, link, page, table
from schemas import ledger
from schemas.contract import QUARANTINE, STAGE_COLUMNS
from schemas.privacy import FORBIDDEN, TREATMENTS
from schemas.rejection import MEANING
from schemas.stages import OF_RELEASE, OF_SNAPSHOTS
from schemas.units import CONVERSIONS

INDEX, FOLDER = "dictionary.md", "dictionary"

HEAD = """# Data dictionary

Generated from the contracts in `schemas/`, the SQL in `assets/` and the cases of the tests by `make docs`; edit those, not these
pages. A lake's own dictionary, with its limits, freshness and rows, is on its board (`citylake board`).

Instants are UTC with microseconds; `local_time` is the wall clock of the city's zone; shares run from 0 to 1; `required` columns
are never empty. Bounds are inclusive. Tables of feeds and metrics are partitioned by `event_date`.

- [Thresholds](dictionary/thresholds.md): every limit with value, unit, source and edition, and what judges by it
- [What the lake adds](dictionary/lake.md): columns of a layer, quarantine, ledger, rejection codes, privacy classes, units
"""


def pages() -> dict[str, str]:
    """Every page of the dictionary, by its path in docs/."""
    found = list(entries())
    out = {INDEX: _index(found), f"{FOLDER}/thresholds.md": _thresholds(), f"{FOLDER}/lake.md": _lake()}
    return out | {f"{FOLDER}/{e.page}.md": page(e) for e in found}


def _index(found: list[Entry]) -> str:
    lines = [HEAD]
    for layer, title in TITLES.items():
        rows = [
            (f"[{e.name}]({FOLDER}/{e.page}.md)", e.contract.domain, e.contract.doc, ", ".join(f"`{k}`" for k in e.contract.key))
            for e in found
            if e.contract.layer == layer
        ]
        lines += [*heading(f"## {title}"), *table(("dataset", "domain", "a row is", "key"), rows)]
    return finished(lines, up="")


def _thresholds() -> str:
    head, rows = limits(packaged_limits())
    of = [", ".join(link(f"{_shown(e)}.{e.name}").replace("../", "") for e in judged_by(name)) for name in packaged_limits()]
    note = (
        "The defaults of `schemas/reference/thresholds.csv`; a city replaces rows by naming its own file. A metric is judged by "
        "what its SQL asks for, a feed's devices by the tests of its contract."
    )
    lines = [*heading("# Thresholds", note), *table((*head, "judges"), [(*row, o) for row, o in zip(rows, of, strict=True)])]
    return finished(lines, up="../")


def _shown(entry: Entry) -> str:
    return {"feed": "refined", "metric": "metrics"}.get(entry.contract.layer, "reference")


def _lake() -> str:
    lines = heading("# What the lake adds")
    for layer, (before, after) in STAGE_COLUMNS.items():
        if before or after:
            told = [c for c in (*before, *after) if c not in OF_RELEASE]
            lines += [*heading(f"## Columns of {layer}", f"`{layer}/<name>`:"), *columns(told)]
    for layer, more in OF_SNAPSHOTS.items():
        lines += [f"`{layer}/<name>` of feeds of snapshots, besides:", "", *columns(more)]
    lines += [*heading("## Quarantine", "`quarantine/<feed>`: every refused row, as it came, and why."), *columns(QUARANTINE)]
    books = "`ledger`, not partitioned: taken = kept + rejected + repeated + superseded, for every stage, source and day."
    lines += [*heading("## Ledger", books), *columns(ledger.COLUMNS)]
    first = "A refused row carries one, the first found: column by column in the contract's order, then time, then row rules."
    codes = [(f"`{code}`", meaning) for code, meaning in MEANING.items()]
    lines += [*heading("## Rejection codes", first), *table(("code", "meaning"), codes)]
    lines += [*heading("## Privacy classes"), *table(("class", "what becomes of a value"), list(TREATMENTS.items()))]
    lines += [*heading("## Forbidden content"), *table(("content", "what it is"), list(FORBIDDEN.items()))]
    units = [(unit, ", ".join(incoming)) for unit, incoming in CONVERSIONS.items()]
    note = "Units that a source's block may name, by the lake's own unit."
    return finished([*lines, *heading("## Incoming units", note), *table(("lake unit", "accepted"), units)], up="../")
