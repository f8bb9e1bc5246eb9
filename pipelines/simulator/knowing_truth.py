"""Who knew first that a lamp was out, in the columns of `who_knew_first`: from lamps and people, never from the wire.

A case is damaged where a fault destroyed a report of the lamp, or what people said.
"""

from datetime import date

import numpy as np
import polars as pl

from pipelines.simulator import districts
from pipelines.simulator.alert_truth import limits
from pipelines.simulator.service_register import LIGHTS

HOUR_S = 3600
AHEAD_S = 14 * 86_400


def outages(nights: pl.DataFrame, versions: pl.DataFrame, lamps: pl.DataFrame, days: list[tuple[date, int, int]]) -> pl.DataFrame:
    """The cases of lamps that went out on these days (date, start and end in epoch seconds).

    Args:
        nights: event_date, lamp, lamps_out, said_s (null: it was not out), damaged_n: by lamp and day.
        versions: of all requests, as services_truth.requests takes them, with lat, lon.
    """
    limit = limits()
    starts = {d: start for d, start, _ in days}
    rows = nights.sort("lamp", "event_date").with_columns(
        goes_out=(pl.col("lamps_out") == 1) & (pl.col("lamps_out").shift().over("lamp").fill_null(0) == 0),
        lit_s=pl.when(pl.col("lamps_out") == 0).then(pl.col("event_date").replace_strict(starts, return_dtype=pl.Int64)),
        is_spoilt=(pl.col("damaged_n") > 0).any().over("lamp"),
    )
    ended = pl.col("lit_s").shift(-1).fill_null(strategy="backward").over("lamp")
    began = pl.col("event_date").replace_strict(starts, return_dtype=pl.Int64)
    cases = rows.with_columns(until_s=ended.fill_null(began + AHEAD_S)).filter("goes_out")
    told = versions.filter(pl.col("updated_at") <= days[-1][2], pl.col("service") == LIGHTS)
    said = told.unique("request", keep="first", maintain_order=True)
    place = lamps[cases["lamp"].to_list()]
    away = districts.metres_between(
        place["lat"].to_numpy()[:, None], place["lon"].to_numpy()[:, None], said["lat"].to_numpy()[None, :],
        said["lon"].to_numpy()[None, :],
    )  # fmt: skip
    at = said["requested_at"].to_numpy()[None, :]
    near = away <= limit["lamp_report_near_m"]
    in_time = (at >= cases["said_s"].to_numpy()[:, None] - limit["lamp_report_before_h"] * HOUR_S) & (
        at < cases["until_s"].to_numpy()[:, None]
    )
    late = np.iinfo(np.int64).max
    first = np.where(near & in_time, at, late).min(axis=1, initial=late)
    unsure = (near & said["is_destroyed"].to_numpy()[None, :]).any(axis=1)
    known = first < late
    lead = np.where(known, (np.where(known, first, 0) - cases["said_s"].to_numpy()) / HOUR_S, np.nan)
    return cases.select(
        "event_date",
        case_kind=pl.lit("outage"),
        case_id=lamps["lamp_id"].gather(cases["lamp"]),
        n=pl.lit(1),
        damaged_n=(pl.col("is_spoilt") | pl.Series(unsure)).cast(pl.Int64),
        reports=pl.Series((near & in_time).sum(axis=1)),
        telemetry_lead_h=pl.Series(lead).fill_nan(None),
        telemetry_first=pl.Series(known & (lead >= 0)).cast(pl.Int64),
        report_first=pl.Series(known & (lead < 0)).cast(pl.Int64),
        never_reported=pl.Series(~known).cast(pl.Int64),
    )
