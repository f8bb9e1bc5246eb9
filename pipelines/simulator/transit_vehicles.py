"""Buses' polls: GTFS-Realtime with positions and trip updates, faults and all.

When buses are at their stops is in buses.py; how an entity is written, in transit_entities.py.
"""

from collections import Counter

import numpy as np
import polars as pl

from pipelines.simulator import polls, transit_entities
from pipelines.simulator.buses import DWELL_S, STOPS, Network
from pipelines.simulator.faults import NONE, THIRTY_YEARS_S, FaultRates, draw, some, stretch, within
from pipelines.simulator.sent import Sent, flags, hit, instant, named
from pipelines.simulator.transit_entities import IN_TRANSIT_TO, STOPPED_AT

KINDS = ("repeat", "future", "epoch_ms", "null_island", "swapped_place", "kmh_for_ms")
POSITIONS_ONLY = ("null_island", "swapped_place", "kmh_for_ms")
POLL_S, STALE_S, LOT = 30, 60, 60
"""Seconds between polls, how old a report is still shown, and how many polls one document holds: messages of protobuf that
stand one after another are one message, with the last one's header and everybody's entities."""
CUT_AT = 6
"""Bytes that are left of a message that was cut: some of its header."""


def day(
    rng: np.random.Generator, network: Network, visits: pl.DataFrame, date: str, start: int, end: int, rates: FaultRates
) -> Sent:
    """All that is polled about the service day `date` (YYYYMMDD) of the local day [start, end), epoch seconds.

    A bus reports when it comes to a stop, with an update of its delay, and 20 s after it left, on the way to the next one.

    Args:
        visits: when buses were where, as `buses.ran` gives it.
    """
    said = _said(rng, network, visits, date)
    buses = int(said["bus"].to_numpy().max()) + 1
    windows = stretch(rng, some(rng, rates.drop_out, buses), start + 6 * 3600, end, (0.5, 2.0))
    dropped = within(windows, said["bus"].to_numpy(), said["at"].to_numpy())
    chosen = np.where(dropped, NONE, draw(rng, rates, KINDS, said.height))
    only = [KINDS.index(k) for k in POSITIONS_ONLY]
    chosen[said["is_update"].to_numpy() & np.isin(chosen, only)] = NONE
    destroys, rejected = flags(KINDS, chosen)
    wire = _faulty(said.with_columns(fault=named(KINDS, chosen).cast(pl.String).fill_null("")))
    kept = np.flatnonzero(~dropped)
    at = wire["at"].to_numpy()[kept]
    times = np.arange(at.min() // POLL_S * POLL_S + 7, at.max() + STALE_S, POLL_S)
    device = (wire["bus"] * 2 + wire["is_update"]).to_numpy()[kept]
    order = np.lexsort([at, device])
    seen = polls.shown(device[order], at[order], times, STALE_S)
    seen = seen.with_columns(row=pl.Series(kept[order]).gather(seen["row"]))
    again = np.flatnonzero(chosen[seen["row"].to_numpy()] == KINDS.index("repeat"))
    emitted = pl.concat([seen, seen[again]]).sort("poll", "row").with_columns(version=pl.lit(0))
    lots = -(-len(times) // LOT)
    empty = rng.random(len(times)) < rates.polls
    cut, blank = (rng.random(lots) < rates.polls for _ in range(2))
    blank[rng.integers(lots)] |= rates.polls > 0
    blank &= ~cut
    emitted = emitted.filter(~pl.Series(cut[np.arange(len(times)) // LOT] | empty).gather(emitted["poll"]))
    emitted = emitted.with_columns(is_rejected=pl.Series(rejected).gather(emitted["row"]))
    accepted = np.bincount(emitted.filter(~pl.col("is_rejected"))["row"].to_numpy(), minlength=wire.height) > 0
    wire = wire.with_columns(
        is_destroyed=destroys | ~accepted,
        is_refined=accepted,
        fault=pl.when(pl.Series(dropped)).then(pl.lit("drop_out"))
        .when((pl.col("fault") == "") & ~pl.Series(accepted)).then(pl.lit("truncated")).otherwise("fault"),
    )  # fmt: skip
    odd = int(cut.sum() + blank.sum())
    books = polls.counted(emitted) + Counter(taken=odd, rejected=odd)
    lines = _documents(wire, emitted, times, cut, blank)
    result = Sent(lines, wire, _keys(wire), hit(wire), books)
    result.faults.update({"empty_poll": int(empty.sum()), "blank_entity": int(blank.sum())})
    return result


def _said(rng: np.random.Generator, network: Network, visits: pl.DataFrame, date: str) -> pl.DataFrame:
    """What the buses say: one row per observation."""
    stops = visits.join(network.stops, on="stop_id", maintain_order="left").with_columns(
        vehicle_id=(1001 + pl.col("bus")).cast(pl.String),
        route_id=network.lines["route_id"].gather(visits["line"]),
        service_date=pl.lit(date),
        status=pl.lit(STOPPED_AT),
        is_update=pl.lit(False),
        speed_ms=pl.lit(0.0),
    )
    ahead = {c: pl.col(c).shift(-1) for c in ("stop_id", "stop_sequence")}
    halfway = {c: ((pl.col(c) + pl.col(c).shift(-1)) / 2).round(5) for c in ("lat", "lon")}
    moving = stops.with_columns(
        **ahead, **halfway, at=pl.col("at") + 2 * DWELL_S, status=pl.lit(IN_TRANSIT_TO),
        speed_ms=pl.Series(rng.uniform(5, 13, stops.height).round(1)),
    ).filter(stops["stop_sequence"] < STOPS)  # fmt: skip
    updates = stops.with_columns(is_update=pl.lit(True))
    return pl.concat([stops, moving, updates]).with_columns(stamp_s="at")


def _faulty(wire: pl.DataFrame) -> pl.DataFrame:
    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    stamp = pl.when(on("future")).then(pl.col("stamp_s") + THIRTY_YEARS_S).when(on("epoch_ms")).then(pl.col("stamp_s") * 1000)
    return wire.with_columns(
        stamp_s=stamp.otherwise("stamp_s"),
        lat=pl.when(on("null_island")).then(0.0).when(on("swapped_place")).then("lon").otherwise("lat"),
        lon=pl.when(on("null_island")).then(0.0).when(on("swapped_place")).then("lat").otherwise("lon"),
        speed_ms=pl.when(on("kmh_for_ms")).then((pl.col("speed_ms") * 3.6).round(1)).otherwise("speed_ms"),
    )


def _keys(wire: pl.DataFrame) -> pl.DataFrame:
    said_by = pl.when("is_update").then(pl.concat_str(pl.lit("trip_update "), "trip_id")).otherwise(pl.lit("vehicle"))
    return wire.select(
        "vehicle_id", "is_destroyed", "is_refined", observed_at=instant("at"), said_by=said_by,
        fault=pl.when(pl.col("fault") != "").then("fault"),
    )  # fmt: skip


def _documents(wire: pl.DataFrame, emitted: pl.DataFrame, times: np.ndarray, cut: np.ndarray, blank: np.ndarray) -> pl.DataFrame:
    """Half hours of polls as documents; every fourth one is asked of the server that answers in JSON."""
    entities = wire.select(transit_entities.COLUMNS)
    entities = entities.select(protobuf=transit_entities.protobuf(entities), json=transit_entities.json())
    shown = entities[emitted["row"]].with_columns(poll=emitted["poll"] // LOT)
    ends = times[np.minimum(np.arange(1, len(cut) + 1) * LOT, len(times)) - 1]
    binary = polls.joined(shown.select("poll", text="protobuf"), len(ends), "")
    lines = polls.joined(shown.select("poll", text="json"), len(ends))
    made = pl.DataFrame({"stamp_s": ends, "binary": binary, "json": lines, "cut": cut, "blank": blank})
    made = made.with_columns(header=transit_entities.header(ends), is_json=pl.Series(np.arange(len(ends)) % 4 == 3))
    comma = pl.when(pl.col("blank") & (pl.col("json") != "")).then(pl.lit(",")).otherwise(pl.lit(""))
    odd = pl.when("blank").then(pl.concat_str(comma, pl.lit("{}"))).otherwise(pl.lit(""))
    as_json = pl.concat_str(
        pl.lit('{"header":{"gtfs_realtime_version":"2.0","incrementality":"FULL_DATASET","timestamp":'), "stamp_s",
        pl.lit('},"entity":['), "json", odd, pl.lit("]}"),
    )  # fmt: skip
    one = pl.when("blank").then(pl.lit("\x12\x04\x0a\x02zz")).otherwise(pl.lit(""))
    body = pl.when("is_json").then(as_json).otherwise(pl.concat_str("header", "binary", one))
    made = made.with_columns(body=pl.when("cut").then(body.str.slice(0, CUT_AT)).otherwise(body))
    return pl.DataFrame(
        {
            "received_s": ends + 2,
            "name": [f"vehicles-{t}{'.json' if i % 4 == 3 else '.pb'}" for i, t in enumerate(ends)],
            # a character is a byte; documents, not their rows, are gone through
            "body": [text.encode("latin-1") for text in made["body"]],
            "rows": np.bincount(emitted["poll"].to_numpy() // LOT, minlength=len(ends)) + cut + blank,
        }
    )
