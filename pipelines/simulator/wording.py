"""Rows of a contract as lines, JSON or CSV, with their faults, their keys and the books: for feeds in their own columns.

What the rows say, and when, is the feeds' own business.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipelines.simulator.faults import NONE, THIRTY_YEARS_S, FaultRates, draw
from pipelines.simulator.outbox import BAD_UTF8
from pipelines.simulator.sent import Sent, booked, flags, hit, instant, lasting, named, stamped
from schemas.contract import Contract

JSON_FAULTS = (
    "repeat", "correction", "late_minutes", "late_hours", "new_field", "text_number", "unreadable_number", "missing_value",
    "future", "truncated", "nul_bytes", "not_utf8", "array_line", "nan",
)  # fmt: skip
CSV_FAULTS = (
    "repeat", "correction", "late_minutes", "late_hours", "unreadable_number", "missing_value", "future", "nul_bytes", "not_utf8",
)  # fmt: skip


@dataclass(frozen=True)
class Wording:
    """How a feed's rows are worded, and what goes wrong with them.

    Attributes:
        number: the column in which numbers go wrong; it has one in every row in which they may.
        draft: what the first version of a row that is corrected later says, by column.
        kinds: faults that happen.
        forbidden: members of JSON that no row may have; one of them by turns where a row is to be refused for it.
    """

    contract: Contract
    number: str
    draft: dict[str, pl.Expr] = field(default_factory=dict)
    kinds: tuple[str, ...] = JSON_FAULTS
    forbidden: tuple[str, ...] = ()
    is_csv: bool = False

    @property
    def header(self) -> str:
        """The first line of a CSV."""
        return ",".join(self.contract.names) + "\n"


def worded(rng: np.random.Generator, how: Wording, rows: pl.DataFrame, rates: FaultRates) -> Sent:
    """Lines of rows.

    Args:
        rows: columns of the contract, instants as epoch seconds; `sent_s`, when it is sent; `shift_s`, by which the clock
            of its device runs ahead; `is_lost`: it never is sent. More columns are kept in the truth.

    Returns:
        What is sent; the truth has the rows with `is_destroyed` and `is_refined`.
    """
    contract, n = how.contract, rows.height
    lost = rows["is_lost"].to_numpy()
    speaks = rows[how.number].is_not_null().to_numpy()
    chosen = np.where(lost, NONE, draw(rng, rates, how.kinds, n))
    on_numbers = [how.kinds.index(k) for k in ("text_number", "unreadable_number", "nan") if k in how.kinds]
    chosen = np.where(np.isin(chosen, on_numbers) & ~speaks, NONE, chosen)
    destroys, rejected = flags(how.kinds, chosen)
    at = contract.event_time or ""
    wire = rows.with_columns(
        fault=named(how.kinds, chosen).cast(pl.String).fill_null(""),
        received_s=pl.col("sent_s") + pl.Series(lasting(rng, chosen, how.kinds)),
        is_destroyed=destroys | lost,
        is_refined=~(rejected | lost),
    )
    truth = wire.drop("received_s", "sent_s", "shift_s")
    keys = wire.select(
        *(instant(k).alias(k) if contract[k].kind == "instant" else k for k in contract.key),
        "is_destroyed",
        "is_refined",
        fault=pl.when("is_lost").then(pl.lit("drop_out")).when(pl.col("fault") != "").then("fault"),
    )
    sent = wire.filter(~pl.col("is_lost")).with_columns(pl.col(at) + pl.col("shift_s"))
    kept = chosen[~lost]
    books = booked(rejected[~lost], kept == _at(how, "repeat"), kept == _at(how, "correction"))
    result = Sent(_lines(rng, how, sent), truth, keys, books=books)
    result.faults += hit(sent)
    result.faults.update({"drop_out": int(lost.sum()), "clock_offset": int((sent["shift_s"] != 0).sum())})
    return result


def wordless(how: Wording, rows: pl.DataFrame) -> pl.DataFrame:
    """Lines of rows in which nothing goes wrong: `received_s`, `line`."""
    return rows.select("received_s", line=_text(how))


def _at(how: Wording, kind: str) -> int:
    return how.kinds.index(kind) if kind in how.kinds else len(how.kinds)


def _lines(rng: np.random.Generator, how: Wording, sent: pl.DataFrame) -> pl.DataFrame:
    """Lines of all rows; repeats and corrections give two."""
    fault = pl.col("fault")
    again = sent.filter(fault.is_in(["repeat", "correction"]))
    again = again.with_columns(received_s=pl.col("received_s") + rng.integers(60, 18000, again.height), fault=pl.lit(""))
    first = sent.filter(fault == "correction").with_columns(**how.draft)
    wire = pl.concat([sent.filter(fault != "correction"), first, again])
    clean = wire.filter(fault == "").select("received_s", line=_text(how))
    faulty = wire.filter(fault != "").with_columns(variant=pl.int_range(pl.len()))
    if not faulty.height:
        return clean
    return pl.concat([clean, _broken(how, faulty)])


def _fields(how: Wording, texts: dict[str, pl.Expr] | None = None) -> list[pl.Expr]:
    contract = how.contract
    said = {c: stamped(c) if contract[c].kind == "instant" else pl.col(c) for c in contract.names} | (texts or {})
    return [e.alias(c) for c, e in said.items()]


def _text(how: Wording) -> pl.Expr:
    if how.is_csv:
        cells = [e.cast(pl.String).fill_null("") for e in _fields(how)]
        return pl.concat_str(*cells, separator=",") + "\n"
    return pl.struct(_fields(how)).struct.json_encode() + "\n"


def _broken(how: Wording, faulty: pl.DataFrame) -> pl.DataFrame:
    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    contract, at = how.contract, how.contract.event_time or ""
    first = contract.key[0]
    faulty = faulty.with_columns(
        pl.when(on("future")).then(pl.col(at) + THIRTY_YEARS_S).otherwise(at),
        pl.when(on("missing_value")).then(None)
        .when(on("not_utf8")).then(pl.col(first) + BAD_UTF8).otherwise(first).alias(first),
    )  # fmt: skip
    if how.is_csv:
        number = pl.when(on("unreadable_number")).then(pl.lit("n/a")).otherwise(pl.col(how.number).cast(pl.String))
        cells = [e.cast(pl.String).fill_null("") for e in _fields(how, {how.number: number})]
        line = pl.concat_str(*cells, separator=",")
        return faulty.select("received_s", line=pl.when(on("nul_bytes")).then(pl.lit("\x00" * 32)).otherwise(line) + "\n")
    line = pl.struct(_fields(how)).struct.json_encode()

    def numbered(text: str) -> pl.Expr:
        return line.str.replace(rf'"{how.number}":(-?[\d.eE+-]+)', f'"{how.number}":{text}')

    said = {
        "new_field": line.str.replace(r"\}$", ',"firmware":{"version":"2.0"}}'),
        "text_number": numbered('"$1"'),
        "unreadable_number": numbered('"n/a"'),
        "nan": numbered("NaN"),
        "truncated": line.str.slice(0, 45),
        "nul_bytes": pl.lit("\x00" * 64),
        "array_line": pl.concat_str(pl.lit("["), line, pl.lit("]")),
    }
    text = line
    for kind, expression in said.items():
        text = pl.when(on(kind)).then(expression).otherwise(text)
    for turn, member in enumerate(how.forbidden):
        more = pl.concat_str(line.str.strip_suffix("}"), pl.lit("," + member + "}"))
        text = pl.when(on("forbidden_content") & (pl.col("variant") % len(how.forbidden) == turn)).then(more).otherwise(text)
    return faulty.select("received_s", line=text + "\n")
