"""Traffic detectors of the live city: what they send second by second, and the situations that raise alerts.

One corridor has neighbours on which an incident comes and goes; one detector falls silent.
"""

from typing import Any

import numpy as np
import polars as pl

from pipelines.simulator.detectors import lay_out, passing
from pipelines.simulator.faults import FaultRates
from pipelines.simulator.live_messages import worded
from schemas import registry
from schemas.city import City

FEED = "traffic_flow"
INTERVAL_S = 10
CORRIDOR, CORRIDOR_INTERVAL_S, SPACING_KM = 8, 60, 0.7
CYCLE_MIN, INCIDENT_MIN, MINUTES_BEFORE, PLACES = 5, 3, 2, (1, 4, 6)
"""Three of five minutes have an incident, each time at another detector of the corridor. The first is two minutes old when
the run begins: its detectors reconnect and tell of them."""
FLOWING, JAMMED, EMPTY = (14, 74.0, 0.12), (7, 12.0, 0.46), (5, 78.0, 0.04)
"""Vehicles a minute and lane, speed, occupancy: on the corridor, before an incident, and behind it."""
RECONNECTS_S, SILENT_SINCE_S, SILENT_UNTIL_S = 2, 298, 75
LATE_AFTER_S = 60
"""From then on devices have reported, and a late row alone makes none of them look silent."""


class LiveDetectors:
    """Detectors that make about so many rows a second, beside the corridor.

    Args:
        begin: epoch second of the first slot.
    """

    def __init__(self, seed: int, city: City, begin: int, rows_per_s: float, rates: FaultRates) -> None:
        self._seed, self._city, self._begin, self._rates = seed, city, begin, rates
        rng = np.random.default_rng([seed, 1])
        lanes = max(INTERVAL_S, round(rows_per_s * INTERVAL_S))
        table = lay_out(rng, max(64, 2 * (lanes + 3 * CORRIDOR)), 60, rates)
        table = table.with_columns(interval_s=pl.lit(INTERVAL_S, pl.Int64), road_km=pl.lit(None, pl.Float64))
        place = pl.int_range(CORRIDOR).cast(pl.Float64)
        corridor = table.head(CORRIDOR).with_columns(
            road=pl.lit("Ring 25"), direction=pl.lit("inbound"), free_flow_kmh=pl.lit(80.0), road_km=place * SPACING_KM,
            lanes=pl.lit(2, pl.Int64), segment_km=pl.lit(SPACING_KM), interval_s=pl.lit(CORRIDOR_INTERVAL_S, pl.Int64),
            lat=table["lat"][0] + place * 0.005, lon=table["lon"][0] + place * 0.004,
            speed_factor=pl.lit(1.0), occupancy_factor=pl.lit(1.0), clock_offset_s=pl.lit(0, pl.Int64),
        ).select(table.columns)  # fmt: skip
        others = table.slice(CORRIDOR).filter(pl.col("lanes").cum_sum() <= lanes)
        self.sensors = pl.concat([corridor, others], how="vertical_relaxed")
        self.silent: str = others["sensor_id"][-1]
        phase = others.with_columns(phase=pl.int_range(pl.len()) % INTERVAL_S)
        self._groups = {int(k[0]): g.drop("phase") for k, g in phase.partition_by("phase", as_dict=True).items()}
        self._corridor = corridor

    def slot(self, second: int) -> pl.DataFrame:
        """Lines that become due in [second, second + 1)."""
        rng = np.random.default_rng([self._seed, 11, second - self._begin])
        parts = [self._mass(rng, second)]
        if second == self._begin + RECONNECTS_S:
            minute = self._begin // 60
            parts += [self._minute(rng, second, minute - k) for k in range(MINUTES_BEFORE, 0, -1)]
            parts.append(self._last_words(second))
        if second % 60 == 1 and second - self._begin > 1:
            parts.append(self._minute(rng, second, second // 60 - 1))
        rates_without = () if second - self._begin > LATE_AFTER_S else ("late_hours",)
        rows = pl.concat([p for p in parts if p.height], how="vertical_relaxed")
        return worded(registry.feed(FEED), rows, "vehicle_count", rng, self._rates, rates_without)

    def _mass(self, rng: np.random.Generator, second: int) -> pl.DataFrame:
        group = self._groups.get((second - self._begin) % INTERVAL_S)
        if group is None:
            return _typed(pl.DataFrame(), False)
        if second - self._begin < SILENT_UNTIL_S:
            group = group.filter(pl.col("sensor_id") != self.silent)
        rows = passing(rng, self._city, group, second - INTERVAL_S, second)
        due = second * 1_000_000 + rng.integers(0, 1_000_000, group.height)
        of = pl.Series(rows["sensor"])
        return _typed(
            rows.select(
                sensor_id=group["sensor_id"].gather(of), lane=pl.col("lane"),
                at=pl.col("at") + group["clock_offset_s"].gather(of), interval_s=pl.col("interval_s"),
                vehicle_count=pl.col("count"), mean_speed_kmh=pl.col("said_speed"), occupancy_share=pl.col("said_occupancy"),
                due_us=pl.Series(due).gather(of),
            ),
            is_spared=False,
        )  # fmt: skip

    def _minute(self, rng: np.random.Generator, second: int, minute: int) -> pl.DataFrame:
        """What the corridor's detectors saw in a minute, sent in this second."""
        cycle, within = divmod(minute - self._begin // 60 + MINUTES_BEFORE, CYCLE_MIN)
        where = PLACES[cycle % len(PLACES)] if within < INCIDENT_MIN else None
        names, n = self._corridor["sensor_id"], self._corridor.height
        said = np.array([FLOWING] * n)
        if where is not None:
            said[where], said[where + 1 :] = JAMMED, EMPTY
        said = np.repeat(said, 2, axis=0) * rng.normal(1, 0.03, (2 * n, 3))
        return _typed(
            pl.DataFrame(
                {
                    "sensor_id": names.gather(np.repeat(np.arange(n), 2)),
                    "lane": np.tile([1, 2], n),
                    "at": np.full(2 * n, minute * 60),
                    "interval_s": np.full(2 * n, CORRIDOR_INTERVAL_S),
                    "vehicle_count": np.round(said[:, 0]).astype(np.int64),
                    "mean_speed_kmh": np.round(said[:, 1], 1),
                    "occupancy_share": np.round(said[:, 2], 4),
                    "due_us": np.repeat(second * 1_000_000 + rng.integers(0, 500_000, n), 2),
                }
            ),
            is_spared=True,
        )

    def _last_words(self, second: int) -> pl.DataFrame:
        """The last report of a detector that then was silent, delivered by a gateway that reconnects."""
        at = second - SILENT_SINCE_S - INTERVAL_S
        row = {"sensor_id": [self.silent], "lane": [1], "at": [at], "interval_s": [INTERVAL_S], "vehicle_count": [3]}
        return _typed(
            pl.DataFrame({**row, "mean_speed_kmh": [41.0], "occupancy_share": [0.07], "due_us": [second * 1_000_000]}), True
        )


COLUMNS: dict[str, Any] = {
    "sensor_id": pl.String, "lane": pl.Int64, "observed_at": pl.Datetime("us", "UTC"), "interval_s": pl.Int64,
    "vehicle_count": pl.Int64, "mean_speed_kmh": pl.Float64, "occupancy_share": pl.Float64, "observed_share": pl.Float64,
    "due_us": pl.Int64, "topic": pl.String, "is_spared": pl.Boolean,
}  # fmt: skip


def _typed(rows: pl.DataFrame, is_spared: bool) -> pl.DataFrame:
    if not rows.height:
        return pl.DataFrame(schema=COLUMNS)
    return rows.select(
        "sensor_id", "lane", pl.from_epoch("at", "s").dt.replace_time_zone("UTC").alias("observed_at"), "interval_s",
        "vehicle_count", "mean_speed_kmh", "occupancy_share", pl.lit(1.0).alias("observed_share"), "due_us",
        pl.concat_str(pl.lit("city/flow/"), "sensor_id").alias("topic"), pl.lit(is_spared).alias("is_spared"),
    ).select(pl.col(n).cast(t) for n, t in COLUMNS.items())  # fmt: skip
