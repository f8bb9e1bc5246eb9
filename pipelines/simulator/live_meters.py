"""Electricity meters of the live city: what their feeders' concentrators send second by second; one feeder is overloaded.

Whose meters they are and what flows through them is in households.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator import households
from pipelines.simulator.faults import FaultRates
from pipelines.simulator.live_messages import worded
from schemas import registry
from schemas.city import City

FEED = "meter_readings"
INTERVAL_S = 15
METERS_PER_FEEDER = 40
HEADROOM, OVERLOAD = 3.5, 1.15
"""Rated power over the meters' mean load, and the load of an overloaded feeder over its rated power."""
OVERLOADED_FROM_S, OVERLOADED_S, CYCLE_S = 4, 60, 600
LATE_AFTER_S = 60


class LiveMeters:
    """Meters that make about so many readings a second, hung on feeders; all meters of a feeder report at once."""

    def __init__(self, seed: int, city: City, begin: int, rows_per_s: float, rates: FaultRates) -> None:
        self._seed, self._city, self._begin, self._rates = seed, city, begin, rates
        rng = np.random.default_rng([seed, 2])
        n = max(METERS_PER_FEEDER, round(rows_per_s * INTERVAL_S))
        table = households.lay_out(rng, n, households.INTERVAL_S, rates)
        number = np.arange(n) // METERS_PER_FEEDER
        self.meters = table.with_columns(feeder_id=pl.Series([f"F{i + 1:04d}" for i in range(number[-1] + 1)]).gather(number))
        self.feeders = self.meters.group_by("feeder_id", maintain_order=True).agg(
            district=pl.col("district").first(), rated_kw=(pl.col("mean_kw").sum() * HEADROOM).round(1)
        )
        self._feeder = number
        # an overload that begins with the run shall be seen at once, not when the feeder's turn comes
        self._phase = (number + OVERLOADED_FROM_S) % INTERVAL_S

    def slot(self, second: int) -> pl.DataFrame:
        """Lines that become due in [second, second + 1)."""
        since = second - self._begin
        rng = np.random.default_rng([self._seed, 12, since])
        mine = np.flatnonzero(self._phase == since % INTERVAL_S)
        if not mine.size:
            return pl.DataFrame()
        group = self.meters[mine]
        kw = households.flowing(rng, self._city, group, second, second + 1)["wh"].to_numpy() / 500
        cycle, within = divmod(since, CYCLE_S)
        feeder, count = self._feeder[mine], self.feeders.height
        if OVERLOADED_FROM_S <= within < OVERLOADED_FROM_S + OVERLOADED_S:
            heavy = feeder == (cycle * INTERVAL_S) % count
            rated = self.feeders["rated_kw"].to_numpy()[(cycle * INTERVAL_S) % count]
            kw = np.where(heavy, (kw + 0.1) * OVERLOAD * rated / max((kw[heavy] + 0.1).sum(), 0.1), kw)
        due = second * 1_000_000 + rng.integers(0, 1_000_000, count)[feeder]
        at = second + group["clock_offset_s"].to_numpy()
        rows = group.select(
            "meter_id", pl.lit("total").alias("register"),
            pl.from_epoch(pl.Series(at), "s").dt.replace_time_zone("UTC").cast(pl.Datetime("us", "UTC")).alias("ended_at"),
            pl.lit(INTERVAL_S, pl.Int64).alias("interval_s"),
            pl.Series("energy_kwh", np.round(kw * INTERVAL_S / 3600 / group["energy_factor"].to_numpy(), 6)),
            pl.Series("quality", np.where(rng.random(mine.size) < 0.01, "estimated", "valid")),
            pl.Series("due_us", due), pl.concat_str(pl.lit("city/energy/"), "feeder_id").alias("topic"),
            pl.lit(False).alias("is_spared"),
        )  # fmt: skip
        without = () if since > LATE_AFTER_S else ("late_hours",)
        return worded(registry.feed(FEED), rows, "energy_kwh", rng, self._rates, without)
