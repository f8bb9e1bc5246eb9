"""The dispatch desk of the live city: a message each time something happens to a call; some calls wait too long.

When calls come and how units respond is in calls.py.
"""

from typing import Any

import numpy as np
import polars as pl

from pipelines.simulator.calls import responding
from pipelines.simulator.faults import FaultRates
from pipelines.simulator.live_messages import worded
from schemas import registry
from schemas.city import City

FEED = "emergency_calls"
TOPIC = "city/calls/dispatch"
INSTANTS = ("received_at", "dispatched_at", "en_route_at", "on_scene_at", "cleared_at")
HOUR_S = 3600
HOURS_BEFORE = 2
MESSAGES_PER_INCIDENT = 6.8
"""One when it is received and, for 1.55 units, up to four each."""
ALLOWED_S, HEARD_S, SERVED_S, CYCLE_S = 106, 5, 25, 300
"""The desk reconnects with a call that has waited for all but `HEARD_S` of the seconds that an emergency is allowed."""


class LiveCalls:
    """The desk, with about so many messages a second."""

    def __init__(self, seed: int, city: City, begin: int, rows_per_s: float, rates: FaultRates) -> None:
        self._seed, self._city, self._begin, self._rates = seed, city, begin, rates
        self._units_an_hour = rows_per_s * HOUR_S / MESSAGES_PER_INCIDENT * 1.55
        self._hour = -HOURS_BEFORE
        self._waiting = pl.DataFrame()

    def slot(self, second: int) -> pl.DataFrame:
        """Lines that become due in [second, second + 1)."""
        since = second - self._begin
        while self._hour <= since // HOUR_S:
            self._add_hour(self._hour)
            self._hour += 1
        rng = np.random.default_rng([self._seed, 13, since])
        due = pl.col("due_us") < (second + 1) * 1_000_000
        rows = self._waiting.filter(due).drop("at_us")
        self._waiting = self._waiting.filter(~due)
        cycle, within = divmod(since, CYCLE_S)
        if within in (2, 2 + SERVED_S):
            rows = pl.concat([rows, self._long_wait(cycle, second, within > 2)], how="diagonal_relaxed")
        if not rows.height:
            return pl.DataFrame()
        return worded(registry.feed(FEED), rows, "lat", rng, self._rates, without=("late_hours",))

    def _add_hour(self, hour: int) -> None:
        """Queue the messages about the calls of an hour, counted from the run's begin, that were not due before it."""
        rng = np.random.default_rng([self._seed, 3, hour + HOURS_BEFORE])
        start = self._begin + hour * HOUR_S
        units = responding(rng, self._city, start, start + HOUR_S, self._units_an_hour).with_row_index("unit")
        # incidents are numbered by day; here an hour is a city's day of its own
        units = units.with_columns(incident_id=pl.concat_str(pl.lit(f"L{start // HOUR_S}-"), "incident_id"))
        first = units.unique("incident_id", keep="first", maintain_order=True)
        heard = first.with_columns(unit_id=pl.lit("none"), at=pl.col("received_at"))
        told = [units.filter(pl.col(c).is_not_null() & pl.col("has_unit")).with_columns(at=pl.col(c)) for c in INSTANTS[1:]]
        rows = pl.concat([heard, *told])
        rows = rows.with_columns(
            pl.from_epoch(pl.when(pl.col(c) <= pl.col("at")).then(c), "s")
            .cast(pl.Datetime("us"))
            .dt.replace_time_zone("UTC")
            .alias(c)
            for c in INSTANTS
        )
        jitter = pl.Series(rng.integers(0, 1_000_000, rows.height))
        rows = rows.with_columns(at_us=pl.col("at") * 1_000_000).with_columns(due_us=pl.col("at_us") + jitter)
        names = [c for c in registry.feed(FEED).names if c in rows.columns]
        rows = rows.filter(pl.col("due_us") >= self._begin * 1_000_000).select(
            *names, "at_us", "due_us", pl.lit(TOPIC).alias("topic"), pl.lit(False).alias("is_spared")
        )
        self._waiting = pl.concat([self._waiting, rows], how="diagonal_relaxed") if self._waiting.height else rows

    def _long_wait(self, cycle: int, second: int, is_served: bool) -> pl.DataFrame:
        """An emergency that waits longer than is allowed, as the desk tells it; later, that a unit is on its way."""
        heard = self._begin + cycle * CYCLE_S + 2
        received = heard - ALLOWED_S + HEARD_S
        row: dict[str, Any] = {
            "incident_id": f"L{self._begin}-W{cycle + 1}",
            "unit_id": "U7" if is_served else "none",
            "call_type": "medical",
        }
        row |= {"priority": "emergency", "district": "Old Town", "lat": 52.5201, "lon": 13.4052}
        at = {"received_at": received, "dispatched_at": second if is_served else None}
        instants = {
            k: pl.from_epoch(pl.Series([v], dtype=pl.Int64), "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            for k, v in at.items()
        }
        frame = pl.DataFrame({k: [v] for k, v in row.items()} | instants)
        return frame.with_columns(due_us=pl.lit(second * 1_000_000), topic=pl.lit(TOPIC), is_spared=pl.lit(True))
