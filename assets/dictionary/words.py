"""What a contract says, as short sentences: values, freshness, what is told outside. Code stands between backticks.

Which datasets there are, and how pages look, do not belong here.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from assets.publishing.gate import LIMITS
from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.odcs import tables
from schemas.publish import Publish


def code(names: Iterable[str]) -> str:
    """Names between backticks, with commas."""
    return ", ".join(f"`{n}`" for n in names)


def facts(contract: Contract) -> list[tuple[str, str]]:
    """Name and value of what is said once of a dataset; nothing that is empty."""
    stamped = f"`{contract.event_time}`"
    if contract.interval:
        stamped += f", the {contract.stamped} of an interval of `{contract.interval}`"
    found = [
        ("tables", code(f"{layer}/{contract.name}" for layer in tables(contract))),
        ("domain", contract.domain),
        ("version", str(contract.version)),
        ("key", code(contract.key)),
    ]
    if contract.layer == "feed":
        found += [
            ("kind", contract.kind),
            ("event time", stamped),
            ("refused as future", f"dated more than {duration(contract.future_tolerance)} after its receipt"),
            ("refused as implausible", f"dated before {contract.earliest}"),
            ("refused as forbidden content", ", ".join(contract.forbids)),
        ]
    if contract.layer != "reference":
        kept = f"{contract.retention_days} days" if contract.retention_days else "kept without limit"
        found.append(("retention", kept))
        month = "a month, under its first day" if contract.period == "month" else "a day of the city's time zone"
        found.append(("partition", f"`event_date`, {month}"))
    guarded = [f"`{c.name}`: {c.treatment}" for c in contract.guarded]
    found.append(("privacy", "; ".join(guarded) or "every column is open: stored as it came"))
    return [(name, value) for name, value in found if value]


def freshness(contract: Contract) -> list[str]:
    """How late rows may come, and when the table is written."""
    if contract.layer == "reference":
        return ["Loaded whole from the file that `[reference]` of citylake.toml names, at each `citylake run`."]
    if contract.layer == "feed":
        return [
            f"A row received more than {duration(contract.late_after)} after its event counts as late; it is kept all the same.",
            "The days that landed rows touch are refined and measured again: by `citylake run`, in Dagster as they land.",
        ]
    back, ahead = contract.lookback_days, contract.lookahead_days
    about = "A month" if contract.period == "month" else "A day"
    also = [f"{n} day{'s' if n > 1 else ''} {word} it" for n, word in ((back, "before"), (ahead, "after")) if n]
    reads = f"{about} is measured again when what it reads of itself{''.join(f' or the {a}' for a in also)} has changed."
    return [reads] + (["A day is final when those after it are there."] if ahead else [])


def held(contract: Contract) -> str:
    """What of a contract holds in every row of its tables, and what becomes of others."""
    if contract.layer == "feed":
        said = "Types, required columns, bounds and allowed values hold in every row, else it is refused and kept in quarantine."
        return f"{said} Keys are unique once refined; raw keeps what came, as often as it came."
    if contract.layer == "metric":
        return "The gate holds every partition against types, required columns, bounds, allowed values and the unique key."
    return "A file with a row that breaks types, required columns, bounds or the key is refused; the last one stays."


def publishing(contract: Contract, limits: Mapping[str, float]) -> list[str]:
    """What of a dataset is told outside, in sentences with the limits in force."""
    if contract.layer == "feed":
        seen = "The DuckDB file shows raw and refined rows through views of the lake's files, to those who may read these."
        return [seen, "No Parquet or CSV is made of them."]
    if contract.layer == "reference":
        return ["The DuckDB file shows it through a view of the lake's files."]
    if not contract.is_gated:
        why = contract.publish.open_because if contract.publish else None
        return [f"Told as it is: {why or f'{contract.domain} is no domain about people'}."]
    return _gate(contract.publish or Publish(), *(f"{limits[name]:.12g}" for name in LIMITS))


def _gate(publish: Publish, count: str, customers: str, share: str) -> list[str]:
    """The publish gate's rules of one metric: `schemas.publish` in words."""
    least, most, largest = (f"`{name}`" for name in LIMITS)
    if publish.largest_share:
        out = [
            f"A row is told where `{publish.count}` is at least {customers} ({most}) and `{publish.largest_share}` at most "
            f"{share} ({largest}); that share itself is never told."
        ]
    else:
        out = [f"A row is told where `{publish.count}` is 0, or at least {count} ({least}); so is every other count in it."]
    if publish.plain:
        out.append(f"Not of people, and told with the row: {code(publish.plain)}.")
    for split in publish.splits:
        out.append(f"{code(split)} add up to a known count: where one is withheld, another is too.")
    if publish.across:
        out.append(f"Totals over {code(publish.across)} may be known: of the rows of one, none or at least two are withheld.")
    if publish.of:
        out.append(f"Its rows add up to those of `{publish.of}`, and are withheld so that none follows from them.")
    if publish.inside:
        out.append(f"Never told: {code(publish.inside)}.")
    out.append("A withheld row keeps its key; `release` is `suppressed` and all else is empty.")
    return [*out, "Of a row that is told, `withheld_columns` names the values that are not."]


def values(column: Column) -> str:
    """What a column may hold, in a few words."""
    said = [] if column.nullable else ["required"]
    if column.minimum is not None or column.maximum is not None:
        low = "" if column.minimum is None else f"{column.minimum:.12g}"
        high = "" if column.maximum is None else f"{column.maximum:.12g}"
        said.append(f"{low}..{high}")
    if column.allowed:
        said.append(code(column.allowed))
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
    return "; ".join(said)


def incoming(mapping: Any) -> str:
    """A mapping of a source's block in a few words."""
    if not isinstance(mapping, Mapping):
        return code([mapping] if isinstance(mapping, str) else map(str, mapping))
    names = mapping.get("from", [])
    said = [code([names] if isinstance(names, str) else names)] if names else []
    return "; ".join(said + [f"{k} {v!r}" for k, v in mapping.items() if k != "from"])


def duration(value: timedelta) -> str:
    """A length of time in the largest unit that divides it."""
    seconds = round(value.total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds and seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds} seconds"
