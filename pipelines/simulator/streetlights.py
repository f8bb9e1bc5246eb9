"""Street lights' reports: JSON lines of half of the cabinets, NGSI notifications of the others; faults and all.

What the lamps do is in lamps.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator import notifications
from pipelines.simulator.faults import FaultRates, some, stretch, within
from pipelines.simulator.lamps import PER_CABINET
from pipelines.simulator.sent import Sent, instant
from pipelines.simulator.wording import JSON_FAULTS, Wording, worded
from schemas import registry

BATCH_S = 3600
STATUS = {"defective_lamp": "defectiveLamp", "ok": "ok"}


def wording() -> Wording:
    """How lamps' reports are worded."""
    draft = {"power_w": pl.lit(0.0), "power_state": pl.lit("off")}
    return Wording(registry.feed("streetlights"), number="power_w", draft=draft, kinds=JSON_FAULTS)


def day(
    rng: np.random.Generator, lamps: pl.DataFrame, states: pl.DataFrame, start: int, end: int, rates: FaultRates
) -> dict[str, Sent]:
    """All that the lamps send about [start, end), epoch seconds: by box, `lamps` and `lamps_broker`.

    Args:
        states: as `lamps.Lamps.day` gives them.
    """
    silent = stretch(rng, some(rng, rates.drop_out, lamps.height), start, end, (3.0, 9.0))
    index = states["lamp"]
    rows = states.with_columns(
        lamp_id=lamps["lamp_id"].gather(index),
        said_w=(pl.col("power_w") / lamps["power_scale"].gather(index)).round(5),
        shift_s=lamps["clock_offset_s"].gather(index).cast(pl.Int64),
        is_lost=within(silent, index.to_numpy(), states["at"].to_numpy()),
    )
    by_line = (index // PER_CABINET) % 2 == 0
    sent = {"lamps": _lines(rng, rows.filter(by_line), rates), "lamps_broker": _broker(rng, rows.filter(~by_line), start, rates)}
    for one in sent.values():
        scaled = lamps["power_scale"].gather(one.truth["lamp"]) != 1
        one.faults["kilowatts"] += int((scaled & ~one.truth["is_lost"]).sum())
    return sent


def _lines(rng: np.random.Generator, rows: pl.DataFrame, rates: FaultRates) -> Sent:
    said = rows.with_columns(
        observed_at="at",
        device_kind=pl.lit("lamp"),
        true_w="power_w",
        power_w="said_w",
        energy_total_kwh=pl.lit(None, pl.Float64),
        sent_s="at",
    )
    sent = worded(rng, wording(), said, rates)
    sent.truth = sent.truth.with_columns(power_w="true_w")
    return sent


def _broker(rng: np.random.Generator, rows: pl.DataFrame, start: int, rates: FaultRates) -> Sent:
    told = rows.filter(~pl.col("is_lost")).sort("at", "lamp")
    if not told.height:
        return Sent(pl.DataFrame(), rows, pl.DataFrame())
    sent = notifications.notified(rng, told, _entity(), "lights", start, BATCH_S, rates)
    lost = rows.filter("is_lost").with_columns(fault=pl.lit("drop_out"), is_destroyed=pl.lit(True), is_refined=pl.lit(False))
    sent.truth = pl.concat([sent.truth, lost], how="diagonal_relaxed")
    sent.faults["drop_out"] += lost.height
    sent.keys = sent.truth.select(
        "lamp_id", "is_destroyed", "is_refined", observed_at=instant("at"), fault=pl.when(pl.col("fault") != "").then("fault")
    )
    return sent


def _entity() -> pl.Expr:
    """A lamp, by turns as NGSIv2 and as NGSI-LD say it."""
    on, stamp, more = notifications.on, notifications.stamp(), notifications.member()
    watts = pl.when(notifications.is_draft()).then(pl.lit(0.0)).otherwise("said_w").cast(pl.String)
    watts = pl.when(on("unreadable_number")).then(pl.lit('"much"')).otherwise(watts)
    status = pl.col("status").replace_strict(STATUS, return_dtype=pl.String)
    head = pl.concat_str(pl.lit('{"id":"'), "lamp_id", pl.lit('","type":"Streetlight"'))
    v2 = pl.concat_str(
        head, pl.lit(',"powerState":{"type":"Text","value":"'), "power_state",
        pl.lit('","metadata":{"timestamp":{"type":"DateTime","value":'), stamp,
        pl.lit('}}},"powerConsumption":{"type":"Number","value":'), watts,
        pl.lit('},"illuminanceLevel":{"type":"Number","value":'), "dim_share",
        pl.lit('},"status":{"type":"Text","value":"'), status, pl.lit('"}'), more, pl.lit("}"),
    )  # fmt: skip
    ld = pl.concat_str(
        head, pl.lit(',"powerState":{"type":"Property","value":"'), "power_state", pl.lit('","observedAt":'), stamp,
        pl.lit('},"powerConsumption":{"type":"Property","value":'), watts,
        pl.lit('},"illuminanceLevel":{"type":"Property","value":'), "dim_share",
        pl.lit('},"status":{"type":"Property","value":"'), status, pl.lit('"}'), more, pl.lit("}"),
    )  # fmt: skip
    return pl.when(pl.col("poll") % 2 == 0).then(v2).otherwise(ld)
