"""Stations' notifications: NGSI AirQualityObserved and NoiseLevelObserved, faults and all.

What they measure is in air.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator import notifications
from pipelines.simulator.faults import FaultRates, some, stretch, within
from pipelines.simulator.sent import Sent, instant, stamped

BATCH_S = 3600
WIRE = {"pm2_5_ug_m3": "pm25", "pm10_ug_m3": "pm10", "no2_ug_m3": "no2", "o3_ug_m3": "o3"}
MICROGRAMS = "GQ"
"""UN/CEFACT Recommendation 20: microgram per cubic metre."""


def day(
    rng: np.random.Generator, stations: pl.DataFrame, breathed: pl.DataFrame, start: int, end: int, rates: FaultRates
) -> dict[str, Sent]:
    """All that stations send about [start, end), epoch seconds: by box, `air` and `noise`.

    Args:
        breathed: as `air.breathed` gives it.
    """
    index = breathed["station"]
    silent = stretch(rng, some(rng, rates.drop_out, stations.height), start, end, (2.0, 6.0))
    rows = breathed.with_columns(
        station_id=stations["station_id"].gather(index),
        shift_s=stations["clock_offset_s"].gather(index).cast(pl.Int64),
        is_lost=within(silent, index.to_numpy(), breathed["at"].to_numpy()),
    ).sort("at", "station")
    return {
        "air": _sent(rng, rows, _air(), "air", "station", start, rates),
        "noise": _sent(rng, rows, _noise(), "noise", "noise", start, rates),
    }


def _sent(
    rng: np.random.Generator, rows: pl.DataFrame, entity: pl.Expr, about: str, said_by: str, start: int, rates: FaultRates
) -> Sent:
    sent = notifications.notified(rng, rows.filter(~pl.col("is_lost")), entity, about, start, BATCH_S, rates, by_end=True)
    lost = rows.filter("is_lost").with_columns(fault=pl.lit("drop_out"), is_destroyed=pl.lit(True), is_refined=pl.lit(False))
    sent.truth = pl.concat([sent.truth, lost], how="diagonal_relaxed").with_columns(said_by=pl.lit(said_by))
    sent.faults["drop_out"] += lost.height
    sent.keys = sent.truth.select(
        "station_id", "said_by", "is_destroyed", "is_refined", observed_at=instant("at"),
        fault=pl.when(pl.col("fault") != "").then("fault"),
    )  # fmt: skip
    return sent


def _when() -> pl.Expr:
    """The interval as JSON: its start and its end."""
    begin = (pl.col("stamp_s") - pl.col("interval_s")).alias("stamp_s")
    text = pl.concat_str(
        pl.lit('"'), pl.from_epoch(begin, "s").dt.strftime("%Y-%m-%dT%H:%M:%SZ"), pl.lit("/"), stamped(), pl.lit('"')
    )
    return pl.when(notifications.on("missing_value")).then(pl.lit("null")).otherwise(text)


def _attribute(name: str, value: pl.Expr, is_ld: bool, unit: str) -> list[pl.Expr | str]:
    kind = "Property" if is_ld else "Number"
    units = f',"unitCode":"{unit}"' if is_ld else f',"metadata":{{"unitCode":{{"type":"Text","value":"{unit}"}}}}'
    return [pl.lit(f',"{name}":{{"type":"{kind}","value":'), value, pl.lit((units if unit else "") + "}")]


def _entity(model: str, attributes: dict[str, pl.Expr], unit: str) -> pl.Expr:
    """An observation, by turns as NGSIv2 and as NGSI-LD say it."""
    texts = []
    for is_ld in (False, True):
        kind = "Property" if is_ld else "DateTime"
        pieces: list[pl.Expr | str] = [
            pl.lit('{"id":"'), "station_id", pl.lit(f'","type":"{model}","refPointOfInterest":{{"type":"Text","value":"'),
            "station_id", pl.lit(f'"}},"dateObserved":{{"type":"{kind}","value":'), _when(), pl.lit("}"),
        ]  # fmt: skip
        for name, value in attributes.items():
            pieces += _attribute(name, value, is_ld, unit)
        texts.append(pl.concat_str(*pieces, notifications.member(), pl.lit("}")))
    return pl.when(pl.col("poll") % 2 == 0).then(texts[0]).otherwise(texts[1])


def _value(column: str, spoilt: bool) -> pl.Expr:
    wrong = pl.when(notifications.is_draft()).then(5.0).otherwise(0.0)
    text = (pl.col(column) + wrong).round(1).cast(pl.String)
    return pl.when(notifications.on("unreadable_number") & spoilt).then(pl.lit('"n/a"')).otherwise(text)


def _air() -> pl.Expr:
    values = {wire: _value(column, column == "no2_ug_m3") for column, wire in WIRE.items()}
    return _entity("AirQualityObserved", values, MICROGRAMS)


def _noise() -> pl.Expr:
    return _entity("NoiseLevelObserved", {"LAeq": _value("noise_dba", True)}, "")
