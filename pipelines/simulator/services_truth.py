"""What the lake's metrics should say of requests and transactions, in the metrics' own columns: never from the wire.

`damaged_n` of `n` requests or transactions of a cell were destroyed by a fault, or never told of.
"""

from datetime import date

import polars as pl

from pipelines.simulator.alert_truth import limits
from pipelines.simulator.sent import instant
from pipelines.simulator.service_register import SERVICES

HOUR_S = 3600
CHANNELS = ("web", "app", "kiosk", "phone", "counter", "post", "unknown")
DIGITAL = ("web", "app", "kiosk")
ENDS = ("completed", "rejected", "abandoned", "cancelled")


def requests(versions: pl.DataFrame, days: list[tuple[date, int, int]]) -> pl.DataFrame:
    """`service_requests_daily` of these days (date, start and end in epoch seconds).

    Args:
        versions: of all requests, sorted by request and time: request, service, district, requested_at, updated_at, status,
            is_destroyed (or never shown).
    """
    last = days[-1][2]
    rows = versions.filter(pl.col("updated_at") < last).with_columns(
        service_code=SERVICES["service_code"].gather(versions.filter(pl.col("updated_at") < last)["service"])
    )
    is_open = pl.col("status") == "open"
    states = rows.with_columns(
        due_s=pl.col("requested_at") + (SERVICES["sla_h"].gather(rows["service"]) * HOUR_S).cast(pl.Int64),
        until_s=pl.col("updated_at").shift(-1).over("request").fill_null(2**62),
        version=pl.int_range(pl.len()).over("request"),
        is_spoilt=pl.col("is_destroyed").any().over("request"),
        is_open=is_open,
        is_reopening=(is_open & ~is_open.shift().over("request")).fill_null(False),
    )
    return pl.concat([_on(states, day, start, end) for day, start, end in days], how="vertical_relaxed")


def _on(states: pl.DataFrame, day: date, start: int, end: int) -> pl.DataFrame:
    cell = ["district", "service_code"]
    known = states.filter(pl.col("updated_at") < end)
    at_end = known.filter(pl.col("until_s") >= end)
    overdue = pl.col("is_open") & (pl.col("due_s") < end)
    age = (end - pl.col("requested_at")).filter(pl.col("is_open"))
    stock = at_end.group_by(cell).agg(
        pl.len().alias("n"),
        pl.col("is_spoilt").sum().alias("damaged_n"),
        backlog=pl.col("is_open").sum(),
        overdue=overdue.sum(),
        backlog_age_sum_h=age.sum() / HOUR_S,
        backlog_age_p50_h=age.quantile(0.5, "linear") / HOUR_S,
        window_n=pl.len(),
        window_closed_n=(~pl.col("is_open")).sum(),
    )
    today = known.filter(pl.col("updated_at") >= start)
    closing = ~pl.col("is_open")
    answer = pl.col("version") == 1
    took = (pl.col("updated_at") - pl.col("requested_at")).filter(answer)
    happened = today.group_by(cell).agg(
        opened=(pl.col("version") == 0).sum(),
        closed=closing.sum(),
        reopened=pl.col("is_reopening").sum(),
        sla_met_n=(closing & (pl.col("updated_at") <= pl.col("due_s"))).sum(),
        first_response_n=answer.sum(),
        first_response_sum_h=took.sum() / HOUR_S,
    )
    passed = pl.col("is_open") & (pl.col("due_s") >= pl.col("updated_at")) & (pl.col("due_s") < pl.col("until_s"))
    missed = states.filter(passed, pl.col("due_s").is_between(start, end - 1)).group_by(cell).agg(sla_missed_n=pl.len())
    found = stock.join(happened, on=cell, how="left").join(missed, on=cell, how="left")
    counts = pl.col("opened", "closed", "reopened", "sla_met_n", "first_response_n", "first_response_sum_h", "sla_missed_n")
    promises = pl.col("sla_met_n") + pl.col("sla_missed_n")
    found = found.with_columns(counts.fill_null(0)).with_columns(
        sla_met_share=pl.when(promises > 0).then(pl.col("sla_met_n") / promises),
        reopen_rate=pl.when(pl.col("closed") > 0).then(pl.col("reopened") / pl.col("closed")),
    )
    return found.select(pl.lit(day).alias("event_date"), pl.all()).sort(cell)


def transactions(told: pl.DataFrame, zone: str, days: list[date]) -> pl.DataFrame:
    """`eservices_daily` of these days, from all transactions as far as it is known how they ended, with `is_destroyed`."""

    def local(seconds: str) -> pl.Expr:
        return instant(seconds).dt.convert_time_zone(zone).dt.date()

    cell = ["event_date", "service", "district"]
    outcome, channel = pl.col("outcome"), pl.col("channel")
    done = outcome == "completed"
    took = (pl.col("completed_at") - pl.col("submitted_at")).filter(done) / HOUR_S
    submitted = told.with_columns(event_date=local("submitted_at")).group_by(cell).agg(
        pl.len().alias("n"),
        pl.col("is_destroyed").sum().alias("damaged_n"),
        **{f"{c}_n": (channel == c).sum() for c in CHANNELS},
        ended_n=(outcome != "pending").sum(),
        **{f"{o}_n": (outcome == o).sum() for o in ENDS},
        channel_completed_n=(done & (channel != "unknown")).sum(),
        digital_completed_n=(done & channel.is_in(DIGITAL)).sum(),
        timed_n=took.count(),
        took_sum_h=took.sum(),
        took_p50_h=took.quantile(0.5, "linear"),
        took_p90_h=took.quantile(0.9, "linear"),
        amount_cents=pl.when(pl.col("amount_cents").filter(done).count() > 0).then(pl.col("amount_cents").filter(done).sum()),
    )  # fmt: skip
    booked = told.filter(pl.col("appointment_at").is_not_null(), outcome != "cancelled").with_columns(
        event_date=local("appointment_at")
    )
    met = booked.group_by(cell).agg(
        appointment_n=pl.len(), attended_n=done.sum(), no_show_n=(outcome == "no_show").sum(),
        booked_damaged=pl.col("is_destroyed").sum(),
    )  # fmt: skip
    # one that says cancelled may be destroyed: then it is counted as if it were not
    lost = told.filter(pl.col("appointment_at").is_not_null(), "is_destroyed", outcome == "cancelled").group_by(
        local("appointment_at").alias("event_date"), "service", "district"
    ).agg(cancelled_damaged=pl.len())  # fmt: skip
    found = submitted.join(met, on=cell, how="left").join(lost, on=cell, how="left")
    found = found.with_columns(
        pl.col("appointment_n", "attended_n", "no_show_n", "booked_damaged", "cancelled_damaged").fill_null(0)
    )
    carried = pl.col("ended_n") / pl.col("n") >= limits()["coverage_min_share"]
    share = pl.col("completed_n") / pl.col("ended_n")
    known = pl.col("channel_completed_n") > 0
    came = pl.col("no_show_n") + pl.col("attended_n")
    return found.with_columns(
        pl.col("n") + pl.col("appointment_n"),
        pl.col("damaged_n") + pl.col("booked_damaged") + pl.col("cancelled_damaged"),
        took_sum_h=pl.when(pl.col("timed_n") > 0).then("took_sum_h"),
        took_p50_h=pl.when(carried).then("took_p50_h"),
        took_p90_h=pl.when(carried).then("took_p90_h"),
        completion_share=pl.when(carried).then(share),
        digital_share=pl.when(carried & known).then(pl.col("digital_completed_n") / pl.col("channel_completed_n")),
        no_show_share=pl.when(came > 0).then(pl.col("no_show_n") / came),
    ).filter(pl.col("event_date").is_in(days)).drop("booked_damaged", "cancelled_damaged").sort(cell)  # fmt: skip
