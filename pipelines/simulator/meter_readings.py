"""Meters' CSV lines: naive local time, whole Wh, one-letter quality; faults and all.

Whose meters they are and what flows through them is in households.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.clockwork import naive
from pipelines.simulator.faults import NONE, THIRTY_YEARS_S, FaultRates, draw, some, stretch, within
from pipelines.simulator.households import INTERVAL_S, flowing
from pipelines.simulator.outbox import BAD_UTF8
from pipelines.simulator.sent import Sent, booked, flags, instant, lasting, named
from schemas.city import City

KINDS = (
    "repeat", "correction", "late_minutes", "late_hours", "float_count", "unreadable_number", "missing_value",
    "sentinel", "future", "truncated", "nul_bytes", "not_utf8", "new_value",
)  # fmt: skip
HEADER = "meter,read_at,wh,quality\n"


def day(
    rng: np.random.Generator,
    city: City,
    meters: pl.DataFrame,
    start: int,
    end: int,
    rates: FaultRates,
    overloads: pl.DataFrame | None = None,
) -> Sent:
    """All that the meters send about the half hours that begin in [start, end), epoch seconds."""
    n = meters.height
    windows = {k: stretch(rng, some(rng, getattr(rates, k), n), start, end, (2.0, 8.0)) for k in ("drop_out", "stuck")}
    sleepy = some(rng, rates.missing_hour, n)
    return _send(rng, city, meters, flowing(rng, city, meters, start, end, overloads), windows, sleepy, rates)


def backlog(
    rng: np.random.Generator, city: City, meters: pl.DataFrame, start: int, of: tuple[int, int], rates: FaultRates, rows: int
) -> tuple[Sent, pl.DataFrame] | None:
    """The day `of` (from, to), resent after `start` by as many meters as the rate asks for; and these meters."""
    if not (wanted := rates.late_weeks * rows):
        return None
    few = meters.sample(min(meters.height, max(1, round(wanted / 48))), seed=int(rng.integers(2**31)))
    passed = flowing(rng, city, few, *of)
    sent = _send(rng, city, few, passed, {}, np.zeros(few.height, bool), FaultRates.none(), received_s=start + 6 * 3600)
    sent.faults["late_weeks"] += passed.height
    sent.keys = sent.keys.with_columns(pl.col("fault").fill_null("late_weeks"))
    return sent, few


def _send(
    rng: np.random.Generator,
    city: City,
    meters: pl.DataFrame,
    rows: pl.DataFrame,
    windows: dict[str, np.ndarray],
    sleepy: np.ndarray,
    rates: FaultRates,
    received_s: int | None = None,
) -> Sent:
    meter, at, wh = (rows[c].to_numpy() for c in ("meter", "at", "wh"))
    index, ended = pl.Series(meter), at + INTERVAL_S
    none = np.zeros(len(at), bool)
    stretches = {k: within(w, meter, at) for k, w in windows.items()}
    dropped = stretches.get("drop_out", none)
    stuck = stretches.get("stuck", none) & ~dropped
    chosen = np.where(dropped, NONE, draw(rng, rates, KINDS, len(at)))
    destroys, rejected = flags(KINDS, chosen)
    shift = meters["clock_offset_s"].gather(index).to_numpy()
    stamp = ended + shift + np.where(chosen == _at("future"), THIRTY_YEARS_S, 0)
    local, doubled, skipped = naive(city, stamp, sleepy[meter])
    rejected = rejected | doubled | skipped
    factor = meters["energy_factor"].gather(index).to_numpy()
    said = np.round(np.where(stuck, 300 + meter % 7, wh) / factor).astype(np.int64)
    wire = rows.with_columns(
        meter_id=meters["meter_id"].gather(index),
        fault=named(KINDS, chosen),
        said=said,
        naive=local,
        received_s=(ended + lasting(rng, chosen, KINDS)) if received_s is None else np.full(len(at), received_s) + meter,
        is_destroyed=destroys | rejected | dropped | stuck,
        is_refined=~(rejected | dropped),
        is_dropped=dropped,
    )
    sent = wire.filter(~pl.col("is_dropped"))
    kept = ~dropped
    books = booked(rejected[kept], chosen[kept] == _at("repeat"), chosen[kept] == _at("correction"))
    truth = wire.select("meter", "at", "is_estimated", "is_destroyed", "is_refined", energy_kwh=pl.col("wh") / 1000)
    masks = {"drop_out": dropped, "stuck": stuck, "doubled_hour": doubled & ~dropped, "missing_hour": skipped & ~dropped}
    masks |= {"milliwatt_hours": (factor != 1) & ~dropped, "clock_offset": (shift != 0) & ~dropped}
    result = Sent(_lines(rng, sent), truth, _keys(wire, masks), books=books)
    result.faults.update({k: v for k, v in sent["fault"].cast(pl.String).value_counts().iter_rows() if k})
    result.faults.update({k: int(m.sum()) for k, m in masks.items()})
    return result


def _at(kind: str) -> int:
    return KINDS.index(kind)


def _keys(wire: pl.DataFrame, masks: dict[str, np.ndarray]) -> pl.DataFrame:
    destroying = {k: m for k, m in masks.items() if k not in ("milliwatt_hours", "clock_offset")}
    fault = pl.coalesce(pl.col("fault").cast(pl.String), *(pl.when(pl.Series(m)).then(pl.lit(k)) for k, m in destroying.items()))
    return wire.with_columns(ended_s=pl.col("at") + INTERVAL_S).select(
        "meter_id", register=pl.lit("total"), ended_at=instant("ended_s"), fault=fault, is_destroyed="is_destroyed",
        is_refined="is_refined",
    )  # fmt: skip


def _lines(rng: np.random.Generator, sent: pl.DataFrame) -> pl.DataFrame:
    """Lines of all rows; repeats and corrections give two."""

    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    sent = sent.with_columns(
        pl.col("fault").cast(pl.String).fill_null(""),
        quality=pl.when("is_estimated").then(pl.lit("E")).otherwise(pl.lit("V")),
        said_text=pl.col("said").cast(pl.String),
    )
    again = sent.filter(pl.col("fault").is_in(["repeat", "correction"]))
    again = again.with_columns(received_s=pl.col("received_s") + rng.integers(60, 30000, again.height), fault=pl.lit("again"))
    wire = pl.concat([sent, again])
    wire = wire.with_columns(
        low=pl.lit(pl.Series(rng.random(wire.height) < 0.5)),
        said_text=pl.when(on("correction")).then((pl.col("said") + 57).cast(pl.String))
        .when(on("float_count")).then(pl.concat_str("said_text", pl.lit(".0")))
        .when(on("unreadable_number")).then(pl.lit("n/a"))
        .when(on("missing_value")).then(pl.lit(""))
        .otherwise("said_text"),
        quality=pl.when(on("correction")).then(pl.lit("E")).when(on("new_value")).then(pl.lit("Q7")).otherwise("quality"),
    ).with_columns(
        said_text=pl.when(on("sentinel")).then(pl.when("low").then(pl.lit("-1")).otherwise(pl.lit("4294967295")))
        .otherwise("said_text"),
        meter_text=pl.when(on("not_utf8")).then(pl.concat_str("meter_id", pl.lit(BAD_UTF8))).otherwise("meter_id"),
    )  # fmt: skip
    line = pl.concat_str("meter_text", pl.lit(","), "naive", pl.lit(","), "said_text", pl.lit(","), "quality", pl.lit("\n"))
    return wire.select(
        "received_s",
        line=pl.when(on("truncated")).then(pl.concat_str("meter_id", pl.lit(","), pl.col("naive").str.slice(0, 7), pl.lit("\n")))
        .when(on("nul_bytes")).then(pl.lit("\x00" * 32 + "\n"))
        .otherwise(line),
    )  # fmt: skip
