"""Travel times: an agency's CSV lines every five minutes, and DATEX II of single journeys; faults and all.

How long routes take is in routes.py.
"""

from collections import Counter

import numpy as np
import polars as pl

from pipelines.simulator import datex
from pipelines.simulator.faults import NONE, THIRTY_YEARS_S, FaultRates, draw, some, stretch, within
from pipelines.simulator.outbox import BAD_UTF8
from pipelines.simulator.routes import STEP_S
from pipelines.simulator.sent import Sent, booked, flags, hit, instant, lasting, named, stamped

KINDS = (
    "repeat", "correction", "late_minutes", "late_hours", "unreadable_number", "missing_value", "sentinel", "future",
    "ms_for_s", "truncated", "nul_bytes", "not_utf8",
)  # fmt: skip
HEADER = "route,time,seconds,metres\n"
LONGEST_S, FILE_S = 172_800, 21_600


def day(rng: np.random.Generator, routes: pl.DataFrame, driven: pl.DataFrame, start: int, end: int, rates: FaultRates) -> Sent:
    """All that is said about who sets out in [start, end), epoch seconds.

    Args:
        driven: how long it takes, as `routes.driven` gives it.
    """
    n = routes.height
    windows = {k: stretch(rng, some(rng, getattr(rates, k), n), start, end, (1.0, 4.0)) for k in ("drop_out", "stuck")}
    index, at = driven["route"], driven["at"].to_numpy()
    stretches = {k: within(w, index.to_numpy(), at) for k, w in windows.items()}
    dropped, stuck = stretches["drop_out"], stretches["stuck"] & ~stretches["drop_out"]
    chosen = np.where(dropped, NONE, draw(rng, rates, KINDS, driven.height))
    destroys, rejected = flags(KINDS, chosen)
    said = np.where(stuck, 123.4, driven["travel_time_s"].to_numpy())
    thousandfold = chosen == KINDS.index("ms_for_s")
    rejected = rejected | (thousandfold & (said * 1000 > LONGEST_S))
    wire = driven.with_columns(
        route_id=routes["route_id"].gather(index),
        length_m=routes["length_m"].gather(index),
        fault=named(KINDS, chosen).cast(pl.String).fill_null(""),
        said=said,
        stamp_s="at",
        received_s=at + STEP_S + lasting(rng, chosen, KINDS),
        is_destroyed=destroys | rejected | dropped | stuck,
        is_refined=~(rejected | dropped),
        is_dropped=dropped,
        is_stuck=stuck,
    )
    kept = ~dropped
    books = booked(rejected[kept], chosen[kept] == KINDS.index("repeat"), chosen[kept] == KINDS.index("correction"))
    result = Sent(_lines(rng, wire.filter(~pl.col("is_dropped"))), wire, _keys(wire), books=books)
    result.faults += hit(wire)
    result.faults.update({"drop_out": int(dropped.sum()), "stuck": int(stuck.sum())})
    return result


def journeys(rng: np.random.Generator, routes: pl.DataFrame, driven: pl.DataFrame, rates: FaultRates) -> Sent:
    """What cameras that know cars again say of single journeys, as DATEX II; values in error are left out by the lake.

    Args:
        driven: journeys, as `routes.journeys` gives them; those that set out together share route and instant.
    """
    rows = driven.sort("at", "route", maintain_order=True)
    start = int(rows["at"][0])
    received = pl.Series(start + FILE_S * (1 + (rows["at"].to_numpy() - start) // FILE_S))
    chosen = draw(rng, rates, ("data_error",), rows.height)
    error = chosen != NONE
    wire = rows.with_columns(
        route_id=routes["route_id"].gather(rows["route"]),
        received_s=received,
        stamp_s="at",
        journey=pl.int_range(pl.len()).over(received),
        fault=named(("data_error",), chosen).cast(pl.String).fill_null(""),
        is_destroyed=error,
        is_refined=~error,
    )
    value = pl.when(pl.col("is_destroyed")).then(pl.lit("15300")).otherwise(pl.col("travel_time_s").cast(pl.String))
    sites = wire.select("received_s", "stamp_s", site="route_id", value=value, error="is_destroyed")
    keys = wire.select(
        "route_id", "is_destroyed", "is_refined", "journey", observed_at=instant("at"),
        fault=pl.when(pl.col("fault") != "").then("fault"),
    )  # fmt: skip
    books = Counter(taken=int((~error).sum()))
    return Sent(datex.publications(sites, datex.DURATION, "journeys"), wire, keys, hit(wire), books)


def _keys(wire: pl.DataFrame) -> pl.DataFrame:
    ill = {"drop_out": "is_dropped", "stuck": "is_stuck"}
    fault = pl.coalesce(pl.when(pl.col("fault") != "").then("fault"), *(pl.when(c).then(pl.lit(k)) for k, c in ill.items()))
    return wire.select(
        "route_id", "is_destroyed", "is_refined", observed_at=instant("at"), journey=pl.lit(1, pl.Int64), fault=fault
    )


def _lines(rng: np.random.Generator, sent: pl.DataFrame) -> pl.DataFrame:
    """Lines of all rows; repeats and corrections give two."""

    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    again = sent.filter(pl.col("fault").is_in(["repeat", "correction"]))
    again = again.with_columns(received_s=pl.col("received_s") + rng.integers(60, 9000, again.height), fault=pl.lit("again"))
    wire = pl.concat([sent, again]).with_columns(
        stamp_s=pl.when(on("future")).then(pl.col("stamp_s") + THIRTY_YEARS_S).otherwise("stamp_s"),
        said=pl.when(on("correction")).then((pl.col("said") * 0.8).round(1)).when(on("ms_for_s")).then(pl.col("said") * 1000)
        .otherwise("said"),
    )  # fmt: skip
    seconds = (
        pl.when(on("unreadable_number")).then(pl.lit("n/a")).when(on("missing_value")).then(pl.lit(""))
        .when(on("sentinel")).then(pl.lit("-1")).otherwise(pl.col("said").round(1).cast(pl.String))
    )  # fmt: skip
    route = pl.when(on("not_utf8")).then(pl.concat_str("route_id", pl.lit(BAD_UTF8))).otherwise("route_id")
    line = pl.concat_str(route, pl.lit(","), stamped(), pl.lit(","), seconds, pl.lit(","), "length_m", pl.lit("\n"))
    return wire.select(
        "received_s",
        line=pl.when(on("truncated")).then(pl.concat_str("route_id", pl.lit(",\n")))
        .when(on("nul_bytes")).then(pl.lit("\x00" * 24 + "\n"))
        .otherwise(line),
    )  # fmt: skip
