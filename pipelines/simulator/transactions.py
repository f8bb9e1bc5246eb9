"""Transactions of the simulated city's services: payments, certificates, appointments, by whatever channel.

What the portal and the offices send about them, and wrongly, is in eservice_transactions.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.clockwork import local_hours, weekday
from pipelines.simulator.detectors import DISTRICTS
from schemas.city import City

SERVICES = ("tax_payment", "fine_payment", "certificate", "appointment")
SHARES = (0.22, 0.26, 0.3, 0.22)
CHANNELS = ("web", "app", "kiosk", "phone", "counter", "post", "unknown")
BY_CHANNEL = (0.38, 0.2, 0.06, 0.11, 0.17, 0.05, 0.03)
OFFICES = ("phone", "counter", "post")
BY_DISTRICT = (0.13, 0.11, 0.29, 0.2, 0.18, 0.09)
USUAL_S = {"tax_payment": 240, "fine_payment": 150, "certificate": 40_000, "appointment": 0}
OUTCOMES = ("completed", "rejected", "abandoned")
ENDED = {"tax_payment": (0.9, 0.03, 0.07), "fine_payment": (0.88, 0.02, 0.1), "certificate": (0.8, 0.12, 0.08)}
CANCELLED, MISSED = 0.1, 0.14
APPOINTMENT_H = (9, 17)
CUSTOMERS_PER_DAY = 0.8
"""Customers for each transaction of a day: some come more than once."""


def submitted(rng: np.random.Generator, city: City, start: int, end: int, wanted: float) -> pl.DataFrame:
    """About `wanted` transactions submitted in [start, end), epoch seconds, with how they end.

    Returns:
        Columns of the contract (instants as epoch seconds), ended_s: when it is known how it ended.
    """
    hours = np.arange(start, end, 3600)
    hour = local_hours(city, hours)
    by_day = np.exp(-0.5 * ((hour - 11) / 3) ** 2) + 0.6 * np.exp(-0.5 * ((hour - 19.5) / 2) ** 2) + 0.03
    weight = by_day * (0.4 if weekday(city, start) > 4 else 1.0)
    n = max(24, int(rng.poisson(wanted * weight.sum() / by_day.sum())))
    service = rng.choice(len(SERVICES), n, p=SHARES)
    at = np.sort(rng.choice(hours, n, p=weight / weight.sum()) + rng.integers(0, 3600, n))
    names = np.array(SERVICES)[service]
    took = np.array([USUAL_S[s] for s in SERVICES])[service] * rng.lognormal(0, 0.7, n)
    ended = at + np.maximum(30, took).astype(np.int64)
    draw = rng.random(n)
    outcome = np.full(n, "completed", dtype=object)
    for name, (_, rejected, abandoned) in ENDED.items():
        of = names == name
        outcome[of & (draw < rejected + abandoned)] = "rejected"
        outcome[of & (draw < abandoned)] = "abandoned"
    # who makes an appointment comes on one of the next days, in office hours
    booked = names == "appointment"
    midnight = at - np.round(local_hours(city, at) * 3600).astype(np.int64)
    meets = midnight + rng.integers(1, 6, n) * 86_400 + rng.integers(APPOINTMENT_H[0] * 4, APPOINTMENT_H[1] * 4, n) * 900
    outcome[booked & (draw < CANCELLED + MISSED)] = "no_show"
    outcome[booked & (draw < CANCELLED)] = "cancelled"
    cancelled_at = at + (rng.random(n) * (meets - at)).astype(np.int64) + 60
    ended = np.where(booked, np.where(outcome == "cancelled", np.minimum(cancelled_at, meets), meets + 1200), ended)
    paid = np.isin(names, ("tax_payment", "fine_payment"))
    cents = np.where(names == "tax_payment", rng.lognormal(10.2, 0.8, n), rng.choice([1000, 2000, 2500, 5500, 8000], n))
    return pl.DataFrame(
        {
            "transaction_id": pl.select(pl.format("T{}-{}", pl.lit(start // 86_400), pl.int_range(n))).to_series(),
            "service": names,
            "channel": np.array(CHANNELS)[rng.choice(len(CHANNELS), n, p=BY_CHANNEL)],
            "submitted_at": at,
            "completed_at": ended,
            "appointment_at": meets,
            "outcome": outcome.astype(str),
            "amount_cents": cents.astype(np.int64),
            "district": np.array(DISTRICTS)[rng.choice(len(DISTRICTS), n, p=BY_DISTRICT)],
            "customer_id": pl.select(
                pl.format("customer-{}", pl.Series(rng.integers(0, max(1, int(CUSTOMERS_PER_DAY * n)), n)))
            ).to_series(),
            "ended_s": ended,
        }
    ).with_columns(
        pl.when(pl.col("outcome") == "completed").then("completed_at"),
        pl.when(pl.Series(booked)).then("appointment_at"),
        pl.when(pl.Series(paid)).then("amount_cents"),
    )
