"""Bike stations' polls: GBFS station_status of versions 1.1, 2.3 and 3.0, faults and all.

Rides, and what a station really holds, are in bikes.py.
"""

from collections import Counter

import numpy as np
import polars as pl

from pipelines.simulator import polls
from pipelines.simulator.faults import NONE, THIRTY_YEARS_S, FaultRates, draw, some, stretch, within
from pipelines.simulator.mobility_truth import told_minutes
from pipelines.simulator.sent import Sent, flags, hit, instant, named, stamped

KINDS = ("repeat", "unreadable_number", "missing_value", "sentinel", "future", "epoch_ms", "any_docks", "new_field")
POLL_S, HEARTBEAT_S, STALE_S = 600, 2400, 86_400
VERSIONS = ("1.1", "2.3", "3.0")


def day(rng: np.random.Generator, stations: pl.DataFrame, minutes: pl.DataFrame, start: int, end: int, rates: FaultRates) -> Sent:
    """All that is polled about [start, end), epoch seconds.

    Args:
        minutes: what the stations held, as `bikes.Bikes.day` gives it.
    """
    n = stations.height
    windows = {k: stretch(rng, some(rng, getattr(rates, k), n), start, end, (2.0, 5.0)) for k in ("drop_out", "stuck")}
    device, at = minutes["station"].to_numpy(), minutes["at"].to_numpy()
    stretches = {k: within(w, device, at) for k, w in windows.items()}
    said = minutes.with_columns(
        docks=stations["capacity"].gather(minutes["station"]) - pl.col("bikes"),
        silent=stretches["drop_out"],
        stuck=stretches["stuck"],
    )
    changed = (pl.col("bikes") != pl.col("bikes").shift().over("station")).fill_null(True)
    beats = (pl.col("at") - start + pl.col("station") * 60) % HEARTBEAT_S == 0
    reports = said.sort("station", "at").filter((changed | beats | (pl.col("at") == start)) & ~pl.col("silent"))
    times = np.arange(start + 20, end, POLL_S)
    seen = polls.shown(reports["station"].to_numpy(), reports["at"].to_numpy(), times, STALE_S)
    kept = seen["row"].unique().sort()
    reports = reports[kept]
    seen = seen.with_columns(row=pl.Series(np.searchsorted(kept.to_numpy(), seen["row"].to_numpy())))
    return _send(rng, stations, reports, said, seen, times, rates)


def _send(
    rng: np.random.Generator,
    stations: pl.DataFrame,
    reports: pl.DataFrame,
    minutes: pl.DataFrame,
    seen: pl.DataFrame,
    times: np.ndarray,
    rates: FaultRates,
) -> Sent:
    stuck = reports["stuck"].to_numpy()
    chosen = np.where(stuck, NONE, draw(rng, rates, KINDS, reports.height))
    destroys, rejected = flags(KINDS, chosen)
    index = reports["station"]
    shift = stations["clock_offset_s"].gather(index).to_numpy()
    wire = reports.with_columns(
        station_id=stations["station_id"].gather(index),
        fault=named(KINDS, chosen).cast(pl.String).fill_null(""),
        stamp_s=pl.col("at") + shift + np.where(chosen == KINDS.index("future"), THIRTY_YEARS_S, 0),
        said=pl.when("stuck").then(3).otherwise("bikes"),
        said_docks=pl.when("stuck").then(2).otherwise("docks"),
    )
    again = np.flatnonzero(chosen[seen["row"].to_numpy()] == KINDS.index("repeat"))
    emitted = pl.concat([seen, seen[again]]).sort("poll", "row").with_columns(version=pl.lit(0))
    emitted = emitted.with_columns(is_rejected=pl.Series(rejected).gather(emitted["row"]))
    cut = rng.random(len(times)) < rates.polls
    empty = (rng.random(len(times)) < rates.polls) & ~cut
    lost = cut | empty
    emitted = emitted.filter(~pl.Series(lost).gather(emitted["poll"]))
    accepted = np.bincount(emitted.filter(~pl.col("is_rejected"))["row"].to_numpy(), minlength=wire.height) > 0
    wire = wire.with_columns(is_destroyed=destroys | ~accepted | stuck, is_refined=accepted)
    books = polls.counted(emitted) + Counter(taken=int(cut.sum()), rejected=int(cut.sum()))
    result = Sent(
        _documents(wire, emitted, times, cut),
        told_minutes(minutes, wire, "station").with_columns(pl.col("is_destroyed") | pl.col("silent") | pl.col("stuck")),
        _keys(wire, stuck),
        books=books,
    )
    result.faults += hit(wire)
    offset = {"drop_out": int(minutes["silent"].sum()), "stuck": int(stuck.sum()), "clock_offset": int((shift != 0).sum())}
    result.faults.update(offset | {"truncated": int(cut.sum()), "empty_poll": int(empty.sum())})
    return result


def _keys(wire: pl.DataFrame, stuck: np.ndarray) -> pl.DataFrame:
    lost = pl.when(~pl.col("is_refined")).then(pl.lit("truncated"))
    fault = pl.coalesce(pl.when(pl.col("fault") != "").then("fault"), pl.when(pl.Series(stuck)).then(pl.lit("stuck")), lost)
    return wire.select("station_id", "is_destroyed", "is_refined", reported_at=instant("at"), fault=fault)


def _documents(wire: pl.DataFrame, emitted: pl.DataFrame, times: np.ndarray, cut: np.ndarray) -> pl.DataFrame:
    version = np.arange(len(times)) * 3 // max(len(times), 1)
    shown = wire[emitted["row"]].with_columns(emitted["poll"], version=pl.Series(version).gather(emitted["poll"]))
    bodies = polls.joined(shown.with_columns(text=_station()), len(times))
    polled = pl.DataFrame({"stamp_s": times, "body": bodies, "version": version, "cut": cut})
    name = pl.col("version").replace_strict(dict(enumerate(VERSIONS)), return_dtype=pl.String)
    updated = pl.when(pl.col("version") == 2).then(pl.concat_str(pl.lit('"'), stamped(), pl.lit('"'))).otherwise(
        pl.col("stamp_s").cast(pl.String)
    )  # fmt: skip
    body = pl.concat_str(
        pl.lit('{"last_updated":'), updated, pl.lit(',"ttl":300,"version":"'), name, pl.lit('","data":{"stations":['),
        "body", pl.lit("]}}"),
    )  # fmt: skip
    rows = pl.Series(np.bincount(emitted["poll"].to_numpy(), minlength=len(times)) + cut)
    return polled.select(
        received_s=pl.col("stamp_s") + 2,
        name=pl.concat_str(pl.lit("station_status-"), pl.col("stamp_s")),
        body=pl.when("cut").then(body.str.slice(0, 60)).otherwise(body).cast(pl.Binary),
        rows=rows,
    )


def _station() -> pl.Expr:
    """A station as its version of GBFS says it."""

    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    third, first = pl.col("version") == 2, pl.col("version") == 0
    seconds = pl.col("stamp_s").cast(pl.String)
    reported = (
        pl.when(on("missing_value")).then(pl.lit("null"))
        .when(on("epoch_ms")).then(pl.concat_str(seconds, pl.lit("000")))
        .when(third).then(pl.concat_str(pl.lit('"'), stamped(), pl.lit('"')))
        .when(first & (pl.col("station") % 5 == 0)).then(pl.concat_str(pl.lit('"'), seconds, pl.lit('"')))
        .otherwise(seconds)
    )  # fmt: skip
    bikes = (
        pl.when(on("unreadable_number")).then(pl.lit('"n/a"')).when(on("sentinel")).then(pl.lit("-1"))
        .otherwise(pl.col("said").cast(pl.String))
    )  # fmt: skip
    docks = pl.when(on("any_docks")).then(pl.lit("999")).otherwise(pl.col("said_docks").cast(pl.String))
    yes = pl.when(first).then(pl.lit("1")).otherwise(pl.lit("true"))
    kind = pl.when(third).then(pl.lit("vehicles")).otherwise(pl.lit("bikes"))
    more = pl.when(on("new_field")).then(pl.lit(',"kiosk_mood":"sunny"')).otherwise(pl.lit(""))
    return pl.concat_str(
        pl.lit('{"station_id":"'), "station_id", pl.lit('","num_'), kind, pl.lit('_available":'), bikes,
        pl.lit(',"num_docks_available":'), docks, pl.lit(',"is_installed":'), yes, pl.lit(',"is_renting":'), yes,
        pl.lit(',"is_returning":'), yes, pl.lit(',"last_reported":'), reported, more, pl.lit("}"),
    )  # fmt: skip
