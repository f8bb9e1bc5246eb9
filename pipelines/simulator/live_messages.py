"""What a live city's devices send: rows of a contract as JSON lines, some of them broken, gathered into messages.

What the rows say is the business of the feeds' own live_*.py.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.simulator.faults import FaultRates, draw
from pipelines.simulator.outbox import BAD_UTF8
from pipelines.simulator.sent import named
from schemas.contract import Contract

BAD_BYTES, BAD_SHOWN = b"\xc3\x28", "\\xc3("
"""Two bytes that are no UTF-8, and how quarantine writes them."""
FAULTS = (
    "repeat", "late_hours", "new_field", "text_number", "unreadable_number", "missing_value", "sentinel", "future",
    "truncated", "nul_bytes", "not_utf8", "array_line", "nan",
)  # fmt: skip
STRUCTURAL = ("repeat", "late_hours")
"""Faults of the message's time, not of its text."""


@dataclass(frozen=True)
class Due:
    """Messages of one feed that are due.

    Attributes:
        messages: `message` (running number), `due_us` (epoch), `topic`, `payload` (bytes).
        lines: what is in them: `message`, `key` (null where it cannot be read), `line_hash`, `fault`.
    """

    feed: str
    messages: pl.DataFrame
    lines: pl.DataFrame


def key_text(contract: Contract) -> pl.Expr:
    """A row's key as text, the same from the wire and from the lake: instants as epoch microseconds."""
    parts = [
        pl.col(n).dt.epoch("us").cast(pl.String) if contract[n].kind == "instant" else pl.col(n).cast(pl.String)
        for n in contract.key
    ]
    return pl.concat_str(parts, separator="|").alias("key")


def line_hash(text: str = "line") -> pl.Expr:
    """A line as a number, the same from the wire and from quarantine; within one version of Polars."""
    return pl.col(text).str.replace_all(BAD_UTF8, BAD_SHOWN, literal=True).hash(0).alias("line_hash")


def worded(
    contract: Contract,
    rows: pl.DataFrame,
    number: str,
    rng: np.random.Generator,
    rates: FaultRates,
    without: tuple[str, ...] = (),
) -> pl.DataFrame:
    """Rows of a contract as lines, with their faults.

    Args:
        rows: columns of the contract, `due_us`, `topic`, and `is_spared`: no fault shall touch it.
        number: the column in which numbers go wrong.
        without: faults that do not happen here.

    Returns:
        `due_us`, `topic`, `line`, `key`, `line_hash`, `fault`; a repeat gives two.
    """
    kinds = tuple(k for k in FAULTS if k not in without)
    fault = named(kinds, draw(rng, rates, kinds, rows.height)).cast(pl.String)
    rows = rows.with_columns(fault=pl.when(~pl.col("is_spared")).then(fault))
    late = pl.when(pl.col("fault") == "late_hours").then(pl.lit(pl.Series(rng.integers(2, 20, rows.height)))).otherwise(0)
    at = contract.event_time or ""
    rows = rows.with_columns(pl.col(at) - pl.duration(hours=late))
    columns = [
        pl.col(n).dt.strftime("%Y-%m-%dT%H:%M:%SZ") if contract[n].kind == "instant" else pl.col(n)
        for n in contract.names
        if n in rows.columns
    ]
    lines = rows.select("due_us", "topic", "fault", key_text(contract), line=pl.struct(columns).struct.json_encode())
    broken = pl.col("fault").is_not_null() & ~pl.col("fault").is_in(STRUCTURAL)
    if lines.select(broken.any()).item():
        lines = pl.concat([lines.filter(~broken), _broken(lines.filter(broken), contract, number)])
    again = lines.filter(pl.col("fault") == "repeat")
    again = again.with_columns(due_us=pl.col("due_us") + pl.Series(rng.integers(1_000_000, 8_000_000, again.height)))
    return pl.concat([lines, again]).with_columns(line_hash())


def _broken(lines: pl.DataFrame, contract: Contract, number: str) -> pl.DataFrame:
    first, at, line = contract.key[0], contract.event_time, pl.col("line")

    def numbered(text: str) -> pl.Expr:
        return line.str.replace(rf'"{number}":(-?[\d.]+)', f'"{number}":{text}')

    said = {
        "new_field": line.str.replace(r"\}$", ',"responder_app":"2.0"}'),
        "text_number": numbered('"$1"'),
        "unreadable_number": numbered('"n/a"'),
        "sentinel": numbered("-999"),
        "nan": numbered("NaN"),
        "missing_value": line.str.replace(rf'"{first}":"[^"]*"', f'"{first}":null'),
        "future": line.str.replace(rf'"{at}":"\d{{4}}', f'"{at}":"2091'),
        "not_utf8": line.str.replace(rf'"{first}":"', f'"{first}":"{BAD_UTF8}'),
        "truncated": line.str.slice(0, 45),
        "nul_bytes": pl.lit("\x00" * 64),
        "array_line": pl.concat_str(pl.lit("["), line, pl.lit("]")),
    }
    text = line
    for kind, expression in said.items():
        text = pl.when(pl.col("fault") == kind).then(expression).otherwise(text)
    # the key of such a line is not what the lake may read in it
    readable = pl.col("fault").is_in(["new_field", "text_number", "unreadable_number", "sentinel", "nan"])
    return lines.with_columns(line=text, key=pl.when(readable).then("key"))


def gathered(feed: str, lines: pl.DataFrame, most: int, number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Messages of at most so many lines; lines share one when they have topic and time in common.

    Args:
        number: of the first message.

    Returns:
        Messages with `message`, `due_us`, `topic`, `payload`, in the order in which they are due; and the lines.
    """
    place = ["due_us", "topic", "chunk"]
    lines = lines.sort("due_us", maintain_order=True)
    lines = lines.with_columns(chunk=pl.int_range(pl.len()).over("due_us", "topic") // most)
    messages = lines.group_by(place, maintain_order=True).agg(pl.col("line").str.join("\n").alias("text"))
    messages = messages.with_row_index("message", offset=number).with_columns(pl.col("message").cast(pl.Int64))
    lines = lines.join(messages.select("message", *place), on=place, maintain_order="left")
    payload = messages["text"].cast(pl.Binary)
    bad = messages["text"].str.contains(BAD_UTF8, literal=True)
    if bad.any():
        mended = [p.replace(BAD_UTF8.encode(), BAD_BYTES) for p in payload.filter(bad)]
        payload = payload.to_frame("p").with_columns(
            pl.when(bad)
            .then(pl.Series(mended, dtype=pl.Binary).gather(bad.cum_sum().cast(pl.Int64) - 1))
            .otherwise("p")
            .alias("p")
        )["p"]
    messages = messages.select("message", "due_us", "topic", payload=payload)
    return messages, lines.select("message", "due_us", "key", "line_hash", "fault", feed=pl.lit(feed))
