"""Dispatch desks' records: JSON lines of the city's desk, Parquet of the outer districts'; faults and all.

When calls come and how units respond is in calls.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.calls import responding
from pipelines.simulator.faults import THIRTY_YEARS_S, FaultRates, draw
from pipelines.simulator.outbox import BAD_UTF8
from pipelines.simulator.sent import Sent, booked, flags, instant, lasting, named, stamped
from schemas.city import City

TYPED = (
    "repeat", "correction", "late_minutes", "late_hours", "missing_value", "future", "null_island",
    "swapped_place", "out_of_order",
)  # fmt: skip
TEXT = (*TYPED, "new_field", "unreadable_number", "truncated", "nul_bytes", "not_utf8", "array_line", "nan")
PARQUET_DISTRICTS = ("Harbour", "West")
INSTANTS = ("received_at", "dispatched_at", "en_route_at", "on_scene_at", "cleared_at")


def desks(rng: np.random.Generator, units: pl.DataFrame, rates: FaultRates) -> dict[str, Sent]:
    """What the desks send when units are free again: by desk, `dispatch` and `outer`.

    Args:
        units: as `calls.responding` gives them.
    """
    outer = pl.col("district").is_in(PARQUET_DISTRICTS)
    return {
        "dispatch": _send(rng, units.filter(~outer), TEXT, rates),
        "outer": _send(rng, units.filter(outer), TYPED, rates),
    }


def backlog(rng: np.random.Generator, city: City, start: int, of: tuple[int, int], rates: FaultRates, rows: int) -> Sent | None:
    """Calls of the day `of` (from, to), received from the city's desk after `start`."""
    if not rates.late_weeks * rows:
        return None
    units = responding(rng, city, *of, max(8.0, rates.late_weeks * rows))
    sent = _send(rng, units.filter(~pl.col("district").is_in(PARQUET_DISTRICTS)), TEXT, FaultRates.none())
    sent.lines = sent.lines.with_columns(received_s=pl.lit(start + 7 * 3600, pl.Int64))
    sent.faults["late_weeks"] += sent.truth.height
    sent.keys = sent.keys.with_columns(pl.col("fault").fill_null("late_weeks"))
    return sent


def _send(rng: np.random.Generator, units: pl.DataFrame, kinds: tuple[str, ...], rates: FaultRates) -> Sent:
    chosen = draw(rng, rates, kinds, units.height)
    destroys, rejected = flags(kinds, chosen)
    done = pl.coalesce("cleared_at", "on_scene_at", pl.col("received_at") + 1800)
    wire = units.with_columns(
        fault=named(kinds, chosen).cast(pl.String),
        received_s=done + pl.Series(lasting(rng, chosen, kinds)),
        is_destroyed=destroys,
        is_refined=~rejected,
    )
    books = booked(rejected, chosen == kinds.index("repeat"), chosen == kinds.index("correction"))
    truth = wire.drop("fault", "received_s", "has_unit", "arrives").with_columns(
        is_place_wrong=pl.col("is_refined") & pl.Series(destroys)
    )
    keys = wire.select("incident_id", "unit_id", "fault", "is_destroyed", "is_refined")
    result = Sent(_rows(rng, wire, kinds is TEXT), truth, keys, books=books)
    result.faults.update({k: v for k, v in wire["fault"].value_counts().iter_rows() if k})
    return result


def _rows(rng: np.random.Generator, wire: pl.DataFrame, is_text: bool) -> pl.DataFrame:
    """Rows as they are sent; repeats and corrections give two, the first version of a correction is unfinished."""

    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    wire = wire.with_columns(pl.col("fault").fill_null(""))
    again = wire.filter(pl.col("fault").is_in(["repeat", "correction"]))
    again = again.with_columns(received_s=pl.col("received_s") + rng.integers(60, 18000, again.height), fault=pl.lit("again"))
    lat, lon, island, swapped = pl.col("lat"), pl.col("lon"), on("null_island"), on("swapped_place")
    wire = pl.concat([wire, again]).with_columns(
        received_at=pl.when(on("future")).then(pl.col("received_at") + THIRTY_YEARS_S)
        .when(on("missing_value")).then(None).otherwise("received_at"),
        on_scene_at=pl.when(on("correction")).then(None)
        .when(on("out_of_order")).then(pl.col("received_at") - 300).otherwise("on_scene_at"),
        cleared_at=pl.when(on("correction")).then(None).otherwise("cleared_at"),
        lat=pl.when(island).then(0.0).when(swapped).then(lon).otherwise(lat),
        lon=pl.when(island).then(0.0).when(swapped).then(lat).otherwise(lon),
    )  # fmt: skip
    if not is_text:
        return wire.select("received_s", *(instant(c).alias(c) if c in INSTANTS else c for c in COLUMNS))
    return _text(wire)


COLUMNS = ("incident_id", "unit_id", "call_type", "priority", "district", *INSTANTS, "lat", "lon")


def _text(wire: pl.DataFrame) -> pl.DataFrame:
    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    def quoted(value: pl.Expr) -> pl.Expr:
        return pl.concat_str(pl.lit('"'), value, pl.lit('"')).fill_null("null")

    texts = {c: quoted(pl.col(c)) for c in COLUMNS[:5]}
    texts |= {c: quoted(stamped(c)) for c in INSTANTS} | {c: pl.col(c).cast(pl.String) for c in ("lat", "lon")}
    texts["call_type"] = pl.when(on("not_utf8")).then(pl.lit(f'"{BAD_UTF8}"')).otherwise(texts["call_type"])
    texts["lat"] = (
        pl.when(on("nan")).then(pl.lit("NaN")).when(on("unreadable_number")).then(pl.lit('"n/a"')).otherwise(texts["lat"])
    )
    pieces: list[pl.Expr] = []
    for i, name in enumerate(COLUMNS):
        pieces += [pl.lit(("," if i else "{") + f'"{name}":'), texts[name]]
    extra = pl.when(on("new_field")).then(pl.lit(',"responder_app":"2.0"')).otherwise(pl.lit(""))
    line = pl.concat_str(*pieces, extra, pl.lit("}"))
    line = (
        pl.when(on("truncated")).then(line.str.slice(0, 60))
        .when(on("nul_bytes")).then(pl.lit("\x00" * 64))
        .when(on("array_line")).then(pl.concat_str(pl.lit("["), line, pl.lit("]")))
        .otherwise(line)
    )  # fmt: skip
    return wire.select("received_s", line=pl.concat_str(line, pl.lit("\n")))
