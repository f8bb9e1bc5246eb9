"""Count detectors at the signals' stop bars: the cars that the signals' own detectors see, in other standards.

Main streets speak NGSI, side streets SensorThings, left turns DATEX II; faults are those of a site in error.
"""

from collections import Counter

import numpy as np
import polars as pl

from pipelines.simulator import datex
from pipelines.simulator.clockwork import covered_s
from pipelines.simulator.faults import FaultRates, draw
from pipelines.simulator.sent import Sent, flags, hit, instant, named, stamped
from pipelines.simulator.signals import LEFT, MAIN, PHASES, Passed

INTERVAL_S = 900
WAITED_KMH, FREE_KMH = 21.0, 46.0
SPEAKS = {**dict.fromkeys(MAIN, "ngsi"), **dict.fromkeys(LEFT, "datex2")}
KINDS = {"ngsi": ("repeat", "missing_value", "unreadable_number"), "datex2": ("data_error",), "sensorthings": ("repeat",)}


def detectors(laid: pl.DataFrame) -> pl.DataFrame:
    """A detector for every phase of every signal of `signals.lay_out`, as reference/sensors describes it."""
    bars = laid.select("controller_id", "district", "lat", "lon").join(pl.DataFrame({"phase": PHASES}), how="cross")
    same = {"lanes": 1, "free_flow_kmh": 50.0, "segment_km": 0.2, "effective_length_m": 6.0, "speed_factor": 1.0,
            "occupancy_factor": 1.0, "clock_offset_s": 0, "interval_s": INTERVAL_S}  # fmt: skip
    return bars.select(
        sensor_id=pl.concat_str("controller_id", pl.lit("-"), "phase"), kind=pl.lit("loop"), road=pl.lit(None, pl.String),
        direction=pl.lit(None, pl.String), district="district", road_km=pl.lit(None, pl.Float64), lat="lat", lon="lon",
        **{k: pl.lit(v) for k, v in same.items()},
    )  # fmt: skip


def day(rng: np.random.Generator, passed: Passed, controller: str, start: int, rates: FaultRates) -> dict[str, Sent]:
    """What the detectors of one signal send, by standard."""
    out = {}
    for speaks in ("ngsi", "sensorthings", "datex2"):
        phases = [p for p in PHASES if SPEAKS.get(p, "sensorthings") == speaks]
        counted = pl.concat([_counted(passed, phase, controller, start) for phase in phases]).sort("at", "sensor_id")
        out[speaks] = _sent(rng, counted, speaks, rates)
    return out


def _counted(passed: Passed, phase: int, controller: str, start: int) -> pl.DataFrame:
    """Cars over one stop bar by quarter of an hour; a car counts when it comes onto it."""
    cars = passed.cars.filter(pl.col("phase") == phase)
    bins = np.arange(int(passed.length_s) // INTERVAL_S)
    bin_ = (np.round(cars["on_s"].to_numpy() * 10) // (INTERVAL_S * 10)).astype(np.int64)
    waited = (cars["off_s"] - cars["bar_s"]).to_numpy() > 1.0
    count = np.bincount(bin_, minlength=len(bins))
    pace = np.bincount(bin_, np.where(waited, WAITED_KMH, FREE_KMH), len(bins)) / np.maximum(count, 1)
    on, off = cars["on_s"].to_numpy(), cars["off_s"].to_numpy()
    occupied = covered_s(on, off, bins * float(INTERVAL_S), (bins + 1) * float(INTERVAL_S)) / INTERVAL_S
    return pl.DataFrame(
        {
            "sensor_id": [f"{controller}-{phase}"] * len(bins),
            "at": start + bins * INTERVAL_S,
            "interval_s": np.full(len(bins), INTERVAL_S),
            "count": count,
            "speed": np.round(pace, 1),
            "occupancy": np.round(occupied, 3),
        }
    ).with_columns(pl.when(pl.col("count") > 0).then("speed"))


def _sent(rng: np.random.Generator, counted: pl.DataFrame, speaks: str, rates: FaultRates) -> Sent:
    kinds = KINDS[speaks]
    chosen = draw(rng, rates, kinds, counted.height)
    destroys, refused = flags(kinds, chosen)
    unsaid = np.array([k == "data_error" for k in (*kinds, "")])[chosen]
    wire = counted.with_columns(
        fault=named(kinds, chosen).cast(pl.String).fill_null(""), stamp_s="at", is_destroyed=destroys, is_refined=~refused
    )
    again = wire.filter(pl.col("fault") == "repeat")
    twice = pl.concat([wire, again]).sort("at", maintain_order=True)
    twice = twice.with_columns(received_s=pl.col("at").max() + INTERVAL_S + 5)
    rejected = int((refused & ~unsaid).sum())
    books = Counter(taken=twice.height - int(unsaid.sum()), rejected=rejected, repeated=again.height)
    write = {"ngsi": _ngsi, "sensorthings": _sensorthings, "datex2": _datex}[speaks]
    keys = wire.select(
        "sensor_id", "is_destroyed", "is_refined", lane=pl.lit(0, pl.Int64), observed_at=instant("at"),
        fault=pl.when(pl.col("fault") != "").then("fault"),
    )  # fmt: skip
    if speaks != "ngsi":  # they say counts alone
        wire = wire.with_columns(speed=pl.lit(None, pl.Float64), occupancy=pl.lit(None, pl.Float64))
    return Sent(write(twice), wire, keys, hit(wire), books)


def _document(rows: pl.DataFrame, entity: pl.Expr, head: str, tail: str, name: str) -> pl.DataFrame:
    text = rows.select(entity.str.join(",")).item()
    received = int(rows["received_s"][0])
    stem = f"{name}-{rows['sensor_id'][0]}-{received}"
    return pl.DataFrame(
        {"received_s": [received], "name": [stem], "body": [f"{head}{text}{tail}".encode()], "rows": [rows.height]}
    )


def _interval() -> pl.Expr:
    return pl.concat_str(stamped(), pl.lit("/"), pl.from_epoch(pl.col("at") + INTERVAL_S, "s").dt.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _ngsi(rows: pl.DataFrame) -> pl.DataFrame:
    missing, odd = pl.col("fault") == "missing_value", pl.col("fault") == "unreadable_number"
    when = pl.when(missing).then(pl.lit("null")).otherwise(pl.concat_str(pl.lit('"'), _interval(), pl.lit('"')))
    count = pl.when(odd).then(pl.lit('"n/a"')).otherwise(pl.col("count").cast(pl.String))
    speed = pl.col("speed").cast(pl.String).fill_null("null")
    entity = pl.concat_str(
        pl.lit('{"id":"'), "sensor_id", pl.lit('","type":"TrafficFlowObserved","dateObserved":{"type":"Text","value":'), when,
        pl.lit('},"intensity":{"type":"Number","value":'), count, pl.lit('},"averageVehicleSpeed":{"type":"Number","value":'),
        speed, pl.lit(',"metadata":{"unitCode":{"type":"Text","value":"KMH"}}},"occupancy":{"type":"Number","value":'),
        "occupancy", pl.lit("}}"),
    )  # fmt: skip
    return _document(rows, entity, '{"subscriptionId":"flow","data":[', "]}", "flow")


def _sensorthings(rows: pl.DataFrame) -> pl.DataFrame:
    entity = pl.concat_str(
        pl.lit('{"phenomenonTime":"'), _interval(), pl.lit('","resultTime":null,"result":'), "count",
        pl.lit(',"Datastream":{"@iot.id":"'), "sensor_id",
        pl.lit('","unitOfMeasurement":{"name":"vehicles","symbol":"veh","definition":""}}}'),
    )  # fmt: skip
    return _document(rows, entity, '{"value":[', "]}", "observations")


def _datex(rows: pl.DataFrame) -> pl.DataFrame:
    error = pl.col("fault") == "data_error"
    rate = pl.when(error).then(15300).otherwise(pl.col("count") * (3600 // INTERVAL_S)).cast(pl.String)
    sites = rows.select("received_s", "stamp_s", site="sensor_id", value=rate, error=error)
    return datex.publications(sites, datex.FLOW, f"flow-{rows['sensor_id'][0]}")
