"""A simulated day as rows in the order of their receipt: decoded and conformed from what the devices sent, faults and all.

How the rules fare on it is measured in alert_accuracy.py.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines.simulator import (
    FaultRates,
    alert_truth,
    calls,
    civic,
    civic_settings,
    detectors,
    emergency_calls,
    households,
    meter_readings,
    mishaps,
    traffic_flow,
)
from pipelines.simulator.sent import instant
from pipelines.simulator.settings_file import write_settings
from pipelines.simulator.simulation import SHARES
from schemas import conform, registry
from schemas.city import City
from schemas.contract import Contract
from schemas.lake import Lake

INCIDENTS_PER_PAIR = 0.4
"""More than a city has, so that shares say something."""
DISPATCH_S = (2, 7)
"""Seconds after which a desk's entry is on its way."""


@dataclass(frozen=True)
class Day:
    """A day.

    Attributes:
        rows: feed -> rows of raw, by `_received_at`.
        truth: the alerts that are right: rule, place_id, started_at, ended_at.
        neighbours: place_id and neighbour: places that count as the same.
        refused: devices whose clocks run so far ahead that a live landing refuses what they send.
    """

    settings: Path
    rows: dict[str, pl.DataFrame]
    truth: pl.DataFrame
    neighbours: pl.DataFrame
    refused: list[str]

    def load_references(self, lake: Lake) -> None:
        """Load the city's reference tables into a lake."""
        from dagster_project import settings
        from pipelines.reference import load

        loaded = settings.load(self.settings)
        for name, uri in loaded.references.items():
            load(lake, loaded.city, registry.references()[name], uri)


def simulated_day(folder: Path, city: City, when: date, events: int, seed: int, rates: FaultRates | None = None) -> Day:
    """Simulate a day of about `events` rows."""
    rates = rates or FaultRates()
    begin, end = (int(city.day_start(d).timestamp()) for d in (when, when + timedelta(days=1)))
    wanted = {feed: events * share for feed, share in SHARES.items()}
    rng = np.random.default_rng([seed, 3, 0])
    sensors = detectors.lay_out(np.random.default_rng([seed, 1]), int(wanted["traffic_flow"]), end - begin, rates)
    meters = households.lay_out(np.random.default_rng([seed, 2]), int(wanted["meter_readings"]), end - begin, rates)
    life = civic.Civic(city, sensors, rates, events, seed, end)
    settings = write_settings(folder, city, sensors, meters, life.references, (civic_settings,))
    mishap = np.random.default_rng([seed, 5, 0])
    blocked = mishaps.incidents(mishap, city, sensors, begin, end, INCIDENTS_PER_PAIR)
    overloaded = mishaps.overloads(mishap, city, meters, begin, end)
    flow = traffic_flow.day(rng, city, sensors, begin, end, rates, blocked)
    energy = meter_readings.day(rng, city, meters, begin, end, rates, overloaded)
    crashed = life.crashes(0, begin, end, blocked)
    units = calls.responding(rng, city, begin, end, wanted["emergency_calls"], crashed)
    desks = emergency_calls.desks(rng, units, rates)
    sent = {p.box: p.sent for p in life.day(0, begin, end, flow.truth, pl.concat(s.truth for s in desks.values()))}
    final = desks["dispatch"]
    truth = pl.concat(
        [
            alert_truth.of_traffic(flow.truth, sensors, blocked, end),
            alert_truth.of_energy(energy.truth, meters, end),
            alert_truth.call_waiting(units),
            *life.raised,
        ]
    )
    # those that a broker tells of are told of by the hour
    by_the_hour = set(sent["lamps_broker"].keys["lamp_id"])
    truth = truth.filter(~pl.col("place_id").is_in(list(by_the_hour)))
    decoder = _Decoder(folder, settings, city)
    on_the_way = decoder.typed("emergency_calls", _under_way(rng, units))
    rows = {
        "traffic_flow": decoder.lines("traffic_flow", "detectors", flow.lines),
        "meter_readings": decoder.lines("meter_readings", "utility", energy.lines, meter_readings.HEADER),
        "emergency_calls": pl.concat([on_the_way, decoder.lines("emergency_calls", "dispatch", final.lines)]).sort(
            "_received_at"
        ),
        "camera_events": decoder.lines("camera_events", "cameras", sent["cameras"].lines),
        "streetlights": decoder.lines("streetlights", "lamps", sent["lamps"].lines),
    }
    refused = _refused(sensors, "sensor_id", "traffic_flow") + _refused(life.lamps.laid, "lamp_id", "streetlights")
    return Day(settings, rows, truth, _neighbours(sensors), refused)


def _under_way(rng: np.random.Generator, units: pl.DataFrame) -> pl.DataFrame:
    """A desk's entries while the response goes on: the call, without a unit; then each unit when it is dispatched."""
    names = registry.feed("emergency_calls").names
    later = [c for c in names if c.endswith("_at") and c not in ("received_at", "dispatched_at")]
    none = pl.lit(None, pl.Int64)
    entry = units.unique("incident_id", keep="first", maintain_order=True).with_columns(
        unit_id=pl.lit("none"), dispatched_at=none, received_s=pl.col("received_at")
    )
    sent = units.filter(pl.col("dispatched_at").is_not_null()).with_columns(received_s=pl.col("dispatched_at"))
    both = pl.concat([entry.select("received_s", *names), sent.select("received_s", *names)]).with_columns(
        none.alias(c) for c in later
    )
    delay = pl.Series(rng.integers(*DISPATCH_S, both.height))
    times = [c for c in names if c.endswith("_at")]
    return both.with_columns(pl.col("received_s") + delay, *(instant(c).alias(c) for c in times))


def _refused(devices: pl.DataFrame, named: str, feed: str) -> list[str]:
    tolerance = registry.feed(feed).future_tolerance
    return devices.filter(pl.duration(seconds=pl.col("clock_offset_s")) > tolerance)[named].to_list()


def _neighbours(sensors: pl.DataFrame) -> pl.DataFrame:
    along = sensors.sort("chain", "road_km", maintain_order=True).select("chain", place_id="sensor_id")
    both = [along.with_columns(neighbour=pl.col("place_id").shift(k).over("chain")).drop_nulls() for k in (1, -1)]
    return pl.concat(both).drop("chain")


class _Decoder:
    """Lines as the lake would land them, with the instant at which each was received."""

    def __init__(self, folder: Path, settings: Path, city: City) -> None:
        from dagster_project.settings import load

        self._folder, self._city, self._sources = folder, city, load(settings).sources

    def typed(self, feed: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows that have the contract's types already."""
        contract = registry.feed(feed)
        numbered = rows.with_columns(
            *(pl.col(c.name).cast(c.dtype) for c in contract.columns), _position=pl.int_range(pl.len(), dtype=pl.Int64)
        )
        kept, _ = conform.split(numbered, contract, datetime(2100, 1, 1, tzinfo=UTC))
        return self._landed(contract, kept, feed, instant("received_s"))

    def lines(self, feed: str, name: str, lines: pl.DataFrame, header: str = "") -> pl.DataFrame:
        """The rows of one source's lines that its contract keeps."""
        from dataclasses import replace

        from pipelines.mapping import apply
        from pipelines.simulator.outbox import BAD_UTF8
        from pipelines.sources.files import Limits, cut, find
        from pipelines.sources.plan import Todo
        from pipelines.steps import Landing, decode, read

        contract = registry.feed(feed)
        lines = lines.sort("received_s", maintain_order=True)
        texts = [t.encode().replace(BAD_UTF8.encode(), b"\xc3\x28") for t in lines["line"]]
        path = self._folder / f"{feed}-{name}.{'csv' if header else 'jsonl'}"
        path.write_bytes(header.encode() + b"".join(texts))
        source = next(s for s in self._sources[feed] if s.name == name)
        source = replace(source, uri=str(path))
        file = find(source)[0]
        landing = Landing(Lake(self._folder / "unused"), self._city, contract, source, Limits(),
                          (Todo(file, "", 0, 0, ()),), file.received_at)  # fmt: skip
        kept = []
        for split in cut(file, source, landing.limits):
            for chunk in read(split, landing):
                for frame in decode(chunk, landing).decoded:
                    good, _ = conform.split(apply(frame, source, contract).rows, contract, datetime(2050, 1, 1, tzinfo=UTC))
                    kept.append(good)
        starts = np.cumsum([len(header), *(len(t) for t in texts[:-1])])
        rows = pl.concat(kept).sort("_position")
        which = np.searchsorted(starts, rows["_position"].to_numpy(), side="right") - 1
        rows = rows.with_columns(received_s=lines["received_s"].gather(which))
        return self._landed(contract, rows, str(path), instant("received_s"))

    def _landed(self, contract: Contract, rows: pl.DataFrame, source: str, received_at: pl.Expr) -> pl.DataFrame:
        told: dict[str, Any] = {"_source": pl.lit(source), "_received_at": received_at, "_landed_at": received_at}
        rows = rows.with_columns(_contract_version=pl.lit(contract.version, pl.Int64), **told)
        names = [n for n in contract.polars_schema("raw") if n != "event_date"]
        # a clock that is thirty years ahead is refused when it is received
        bound = pl.col("_received_at") + contract.future_tolerance
        return rows.filter(pl.col(contract.event_time or "") <= bound).select(names).sort("_received_at", maintain_order=True)
