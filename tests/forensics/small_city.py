"""A small city of detectors and meters, constructed: clean, or with known faults at known devices; landed and refined.

What forensics should make of it is in the tests. The simulator is not asked: these faults are worse than its own.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from assets.refined import refine
from schemas import registry
from schemas.city import City
from tests.landing.driver import Inbox

ZONE = "Europe/Berlin"
START = datetime(2026, 5, 4, 22, tzinfo=UTC)
"""The midnight at which Berlin's fifth of May begins."""
INTERVAL_S, ROADS, PER_ROAD = 300, 4, 5
FREE_FLOW = (110.0, 80.0, 55.0, 40.0)
HALF_HOUR_S = 1800
EVER = datetime(2020, 1, 1, tzinfo=UTC)


def detectors(seed: int, days: int = 2) -> pl.DataFrame:
    """What twenty detectors on four roads say: `sensor_id`, `at` and `received` (epoch s), count, speed, occupancy."""
    rng = np.random.default_rng([seed, 1])
    start = int(START.timestamp())
    at = np.arange(start, start + days * 86400, INTERVAL_S)
    hour = (at - start) / 3600 % 24
    shape = 0.05 + 0.8 * np.exp(-0.5 * ((hour - 8) / 1.2) ** 2) + 0.9 * np.exp(-0.5 * ((hour - 17) / 1.6) ** 2)
    parts = []
    for road in range(ROADS):
        swing = shape * rng.lognormal(0, 0.06, len(at)) * rng.uniform(0.6, 1.1)
        for place in range(PER_ROAD):
            load = swing * rng.lognormal(0, 0.03)
            count = rng.poisson(np.minimum(load, 1) * 1500 * INTERVAL_S / 3600)
            # the last road is jammed all day long: slow is not mph
            pace = FREE_FLOW[road] * (0.6 if road == ROADS - 1 else 1) / (1 + 0.15 * load**4)
            speed = np.clip(pace * (1 + rng.normal(0, 0.06, len(at)) / np.sqrt(np.maximum(count, 1))), 4, 200)
            occupancy = np.minimum(count * 6.5 * 3.6 / (speed * INTERVAL_S), 1)
            values = {
                "sensor_id": f"D{road}{place}",
                "at": at,
                "count": count,
                "speed": speed.round(1),
                "occupancy": occupancy.round(4),
            }
            parts.append(pl.DataFrame(values))
    return pl.concat(parts).with_columns(
        speed=pl.when(pl.col("count") > 0).then("speed"),
        received=pl.col("at") + INTERVAL_S + 2,
        interval=pl.lit(INTERVAL_S),
        stamp=pl.col("at"),
        lane=pl.lit(1),
    )


def meters(seed: int, days: int = 2) -> pl.DataFrame:
    """What thirty households and six factories read each half hour: `meter_id`, `at` (its end), `received`, kWh."""
    rng = np.random.default_rng([seed, 2])
    start = int(START.timestamp())
    at = np.arange(start + HALF_HOUR_S, start + days * 86400 + 1, HALF_HOUR_S)
    hour = (at - start) / 3600 % 24
    shape = 0.4 + np.exp(-0.5 * ((hour - 19) / 2.5) ** 2)
    parts = []
    for name, count, mean in (("H", 30, 0.2), ("F", 6, 40.0)):
        for i in range(count):
            kwh = mean * rng.lognormal(0, 0.4) * shape * rng.lognormal(0, 0.3, len(at))
            parts.append(pl.DataFrame({"meter_id": f"{name}{i:02d}", "at": at, "kwh": kwh.round(4)}))
    return pl.concat(parts).with_columns(received=pl.col("at") + 30, stamp=pl.col("at"))


def controllers(seed: int, days: int = 1) -> pl.DataFrame:
    """Events of twelve signal controllers, busy ones and quiet ones: they speak when something happens, on no grid."""
    rng = np.random.default_rng([seed, 3])
    start, seconds = int(START.timestamp()), days * 86400
    parts = []
    for i in range(12):
        at = start + np.cumsum(rng.exponential((2, 5, 20, 60, 120, 300)[i % 6], seconds // 2)).round(1)
        at = np.unique(at[at < start + seconds])
        parts.append(pl.DataFrame({"controller_id": f"C{i:02d}", "at": at, "code": 82, "parameter": 1}))
    return pl.concat(parts).with_columns(received=(pl.col("at") + 1).cast(pl.Int64), stamp=pl.col("at"))


@dataclass(frozen=True)
class Fault:
    """A fault of one device: columns that it says wrongly."""

    device: str
    columns: tuple[pl.Expr, ...]

    @property
    def feed(self) -> str:
        """Detectors are D, meters are not."""
        return "traffic_flow" if self.device.startswith("D") else "meter_readings"

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows as the device says them."""
        own = pl.col("sensor_id" if self.feed == "traffic_flow" else "meter_id") == self.device
        named = {c.meta.output_name(): c for c in self.columns}
        return rows.with_columns(pl.when(own).then(c).otherwise(n).alias(n) for n, c in named.items())


def of(device: str, *columns: pl.Expr) -> Fault:
    """Columns that one device says wrongly."""
    return Fault(device, columns)


class SmallCity:
    """A lake into which what devices say is landed, an hour a file, and refined."""

    def __init__(self, folder: Path) -> None:
        self.inbox = Inbox(folder, City("Smallville", ZONE))
        self.lake, self.city = self.inbox.lake, self.inbox.city

    def describe(self, **own: dict[str, object]) -> None:
        """Load the reference tables; `own` are columns of single devices."""
        sensors = [
            {"sensor_id": f"D{r}{p}", "valid_from": EVER, "road": f"R{r}", "direction": "in", "free_flow_kmh": FREE_FLOW[r]}
            | {"effective_length_m": 6.5, "lanes": 1} | own.get(f"D{r}{p}", {})
            for r in range(ROADS)
            for p in range(PER_ROAD)
        ]  # fmt: skip
        kinds = {"H": "household", "F": "factory"}
        ids = [f"{k}{i:02d}" for k, n in (("H", 30), ("F", 6)) for i in range(n)]
        households = [{"meter_id": i, "valid_from": EVER, "meter_class": kinds[i[0]]} | own.get(i, {}) for i in ids]
        for name, rows in (("sensors", sensors), ("meters", households)):
            contract = registry.references()[name]
            frame = pl.DataFrame(
                [{c.name: r.get(c.name, c.default) for c in contract.columns} for r in rows], schema=contract.polars_schema()
            )
            part = self.lake.write_part("reference", name, None, f"{name}-{len(own)}", frame)
            self.lake.replace_table("reference", name, contract.arrow_schema("reference"), part)

    def land_detectors(self, rows: pl.DataFrame, time_format: str = "epoch_s") -> None:
        """As JSON lines in the feed's own names."""
        wire = rows.select(
            "received", "sensor_id", "lane", observed_at="stamp", interval_s="interval", vehicle_count="count",
            mean_speed_kmh="speed", occupancy_share="occupancy",
        )  # fmt: skip
        self._land("traffic_flow", wire, ".jsonl", pl.DataFrame.write_ndjson, format="json_lines", time_format=time_format)

    def land_meters(self, rows: pl.DataFrame) -> None:
        """As CSV, under names of the utility's own."""
        wire = rows.select("received", meter="meter_id", read="stamp", kwh="kwh")
        columns = {"meter_id": "meter", "ended_at": "read", "energy_kwh": "kwh", "interval_s": {"constant": HALF_HOUR_S}}
        self._land("meter_readings", wire, ".csv", pl.DataFrame.write_csv, format="csv", time_format="epoch_s", columns=columns)

    def land_signals(self, rows: pl.DataFrame) -> None:
        """As JSON lines in the feed's own names."""
        wire = rows.select("received", "controller_id", "code", "parameter", occurred_at="stamp")
        self._land("signal_events", wire, ".jsonl", pl.DataFrame.write_ndjson, format="json_lines", time_format="epoch_s")

    def _land(self, feed: str, wire: pl.DataFrame, suffix: str, write: Callable[..., None], **block: object) -> None:
        for (hour,), part in wire.with_columns(pl.col("received") // 3600).group_by("received", maintain_order=True):
            path = self.inbox.put(f"{feed}/{hour}{suffix}", "")
            write(part.drop("received"), path)
            os.utime(path, ((hour + 1) * 3600 + 60,) * 2)  # type: ignore[operator]
        self.inbox.land(feed, uri=f"{feed}/*{suffix}", **block)
        refine(self.lake, self.city, feed)


def day(number: int) -> datetime:
    """The start of a day of the small city, the first being 0."""
    return START + timedelta(days=number)
