"""Car parks' reports: a wide CSV with a column per car park, and NGSI notifications, faults and all.

What stands in the car parks is in parking.py.
"""

from collections import Counter

import numpy as np
import polars as pl

from pipelines.simulator import notifications
from pipelines.simulator.clockwork import naive
from pipelines.simulator.faults import NONE, FaultRates, draw, some, stretch, within
from pipelines.simulator.sent import Sent, flags, hit, instant, named
from schemas.city import City

CELLS = ("unreadable_number", "sentinel")
POLL_S, HEARTBEAT_S, BATCH_S, FILE_S = 300, 600, 3600, 21_600


def wide(rng: np.random.Generator, city: City, parks: pl.DataFrame, minutes: pl.DataFrame, day: int, rates: FaultRates) -> Sent:
    """A central system's CSV of the car parks in `minutes`: a line every five minutes of local time, a file every six hours.

    Columns come and go: on every day another car park has none.
    """
    start = int(minutes["at"][0])
    states = minutes.filter((pl.col("at") - start) % POLL_S == 0).sort("at", "facility")
    facilities = states["facility"].unique().sort()
    closed = int(facilities[day % len(facilities)]) if rates.drop_out else -1
    windows = stretch(rng, some(rng, rates.stuck, parks.height), start, start + 86_400, (2.0, 6.0))
    facility, at = states["facility"].to_numpy(), states["at"].to_numpy()
    dropped, stuck = facility == closed, within(windows, facility, at) & (facility != closed)
    chosen = np.where(dropped | stuck, NONE, draw(rng, rates, CELLS, states.height))
    destroys, rejected = flags(CELLS, chosen)
    times = np.unique(at)
    text, doubled, _ = naive(city, times, np.zeros(len(times), bool))
    line = np.searchsorted(times, at)
    cut = (rng.random(len(times)) < rates.truncated * 10) & ~doubled
    again = (rng.random(len(times)) < rates.repeat) & ~cut & ~doubled
    lost = dropped | cut[line]
    rejected = rejected | doubled[line]
    value = pl.when(pl.Series(stuck)).then(pl.lit(77)).otherwise("occupied").cast(pl.String)
    value = pl.when(pl.Series(chosen == 0)).then(pl.lit("n/a")).when(pl.Series(chosen == 1)).then(pl.lit("-1")).otherwise(value)
    why = pl.Series(np.select([dropped, cut[line], doubled[line], stuck], ["drop_out", "truncated", "doubled_hour", "stuck"], ""))
    wire = states.with_columns(
        line=line,
        value=value,
        fault=pl.coalesce(named(CELLS, chosen).cast(pl.String), why),
        is_destroyed=destroys | rejected | lost | stuck,
        is_refined=~(rejected | lost),
    )
    taken, repeated = (~lost).sum(), (~lost & ~rejected & again[line]).sum()
    books = Counter(taken=int(taken + cut.sum() + (~lost & again[line]).sum()), repeated=int(repeated))
    books["rejected"] = int((rejected & ~lost).sum() + cut.sum() + (rejected & ~lost & again[line]).sum())
    shown = wire.filter(pl.col("facility") != closed)
    rows = shown.group_by("line", maintain_order=True).agg(pl.col("value").str.join(",")).sort("line")["value"]
    texts = pl.DataFrame({"at": times, "text": text, "values": rows, "cut": cut, "again": again})
    header = "time," + ",".join(parks["facility_id"].gather([f for f in facilities if f != closed])) + "\n"
    result = Sent(_files(texts, header, len(facilities) - (closed >= 0)), wire, _keys(wire, parks), books=books)
    result.faults += hit(wire)
    result.faults.update({"repeat": int(repeated)})
    return result


def _files(texts: pl.DataFrame, header: str, columns: int) -> pl.DataFrame:
    whole = pl.concat_str("text", pl.lit(","), "values", pl.lit("\n"))
    line = pl.when("cut").then(pl.concat_str("text", pl.lit("\n"))).when("again").then(whole + whole).otherwise(whole)
    slot = texts.with_columns(
        line=line,
        slot=pl.col("at") - (pl.col("at") - pl.col("at").first()) % FILE_S,
        rows=pl.when("cut").then(1).otherwise(columns),
    )
    files = slot.group_by("slot", maintain_order=True).agg(
        pl.col("line").str.join(""), pl.col("rows").sum(), again=(pl.col("again") * columns).sum()
    )
    return files.select(
        received_s=pl.col("slot") + FILE_S,
        name=pl.concat_str(pl.lit("parking-"), "slot"),
        body=pl.concat_str(pl.lit(header), "line").cast(pl.Binary),
        rows=(pl.col("rows") + pl.col("again")).cast(pl.Int64),
    )


def notified(rng: np.random.Generator, parks: pl.DataFrame, minutes: pl.DataFrame, rates: FaultRates) -> Sent:
    """A broker's notifications: every change of the car parks in `minutes`, and a sign of life every ten minutes."""
    start = int(minutes["at"][0])
    changed = (pl.col("occupied") != pl.col("occupied").shift().over("facility")).fill_null(True)
    beats = (pl.col("at") - start) % HEARTBEAT_S == 0
    states = minutes.sort("facility", "at").filter(changed | beats).sort("at", "facility")
    index = states["facility"]
    rows = states.with_columns(
        facility_id=parks["facility_id"].gather(index),
        capacity=parks["capacity"].gather(index),
        shift_s=parks["clock_offset_s"].gather(index),
    )
    result = notifications.notified(rng, rows, _entity(), "parking", start, BATCH_S, rates)
    result.keys = _keys(result.truth, parks)
    return result


def _entity() -> pl.Expr:
    """A car park, by turns as NGSIv2 and as NGSI-LD say it."""
    on, stamp, more = notifications.on, notifications.stamp(), notifications.member()
    wrong = pl.when(notifications.is_draft()).then(2).otherwise(0)
    free = (pl.col("capacity") - pl.col("occupied") - wrong).cast(pl.String)
    free = pl.when(on("unreadable_number")).then(pl.lit('"many"')).otherwise(free)
    head = pl.concat_str(pl.lit('{"id":"'), "facility_id", pl.lit('","type":"OffStreetParking"'))
    v2 = pl.concat_str(
        head, pl.lit(',"totalSpotNumber":{"type":"Number","value":'), "capacity",
        pl.lit('},"availableSpotNumber":{"type":"Number","value":'), free,
        pl.lit(',"metadata":{"timestamp":{"type":"DateTime","value":'), stamp, pl.lit("}}}"), more, pl.lit("}"),
    )  # fmt: skip
    ld = pl.concat_str(
        head, pl.lit(',"totalSpotNumber":{"type":"Property","value":'), "capacity",
        pl.lit('},"availableSpotNumber":{"type":"Property","value":'), free,
        pl.lit(',"observedAt":'), stamp, pl.lit("}"), more, pl.lit("}"),
    )  # fmt: skip
    return pl.when(pl.col("poll") % 2 == 0).then(v2).otherwise(ld)


def _keys(wire: pl.DataFrame, parks: pl.DataFrame) -> pl.DataFrame:
    return wire.select(
        "is_destroyed", "is_refined", facility_id=parks["facility_id"].gather(wire["facility"]), observed_at=instant("at"),
        fault=pl.when(pl.col("fault") != "").then("fault"),
    )  # fmt: skip
