"""The rest of the city's traffic, day by day: signals, routes, car parks, buses and bikes beside its detectors.

What each of them does and sends is said in its own modules; this one only goes through them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.simulator import (
    bike_stations,
    bikes,
    buses,
    crossings,
    mobility_truth,
    parking,
    parking_occupancy,
    routes,
    signal_events,
    signal_files,
    signal_truth,
    signals,
    timetable_file,
    transit_truth,
    transit_vehicles,
    travel_time,
)
from pipelines.simulator.archives import Archives
from pipelines.simulator.faults import FaultRates
from pipelines.simulator.outbox import Outbox
from pipelines.simulator.sent import Sent
from schemas.city import City

JOURNEYS = 3
"""Journeys in five minutes on every third route, which tells single ones."""
FEEDS = ("travel_time", "signal_events", "parking_occupancy", "transit_vehicles", "bike_stations")
HOUR_S = 3600
MAKES = ("csv", "parquet", "econolite")
SIGNAL_SHARE, SIGNAL_EVENTS_H = 0.26, 5200
"""Part of the city's events that signals make, and about how many one of them makes in an hour."""
TRANSIT_SHARE, LINE_EVENTS = 0.09, 20_000
"""The same of buses, and rows polled of a line in a day; the city that is too small for one has a night line only."""
Tables = Callable[[pl.DataFrame], dict[str, pl.DataFrame]]


@dataclass(frozen=True)
class Posted:
    """What one box is given on a day, and what its truth comes to."""

    feed: str
    box: str
    sent: Sent
    tables: Tables


def _sized(events: float, each: float, least: int, most: int) -> int:
    return int(np.clip(round(events / each), least, most))


class Mobility:
    """The city's signals, routes, car parks, buses and bikes over several days."""

    def __init__(self, city: City, sensors: pl.DataFrame, rates: FaultRates, events: float, seed: int) -> None:
        """Lay out as much of each as fits a city with so many events a day."""
        self.city, self.sensors, self.rates, self.seed = city, sensors, rates, seed
        self.stations = bikes.lay_out(self._rng(11), rates, _sized(events, 22_000, 4, bikes.STATIONS))
        self._bikes = bikes.Bikes(self._rng(12), self.stations, city)
        self.parks = parking.lay_out(self._rng(14), sensors, rates, _sized(events, 55_000, 6, parking.CAR_PARKS))
        self._parking = parking.CarParks(self.parks)
        self.routes = routes.lay_out(sensors, _sized(events, 66_000, 3, routes.ROUTES))
        self.signals = signals.lay_out(self._rng(16), len(MAKES))
        self.crossings = crossings.detectors(self.signals)
        hours = SIGNAL_SHARE * events / (len(MAKES) * SIGNAL_EVENTS_H)
        self.logged_s = 24 * HOUR_S if hours > 20 else max(2, round(hours * 4)) * 900
        self._before: dict[str, signals.Passed] = {}
        self._driven: list[pl.DataFrame] = []
        lines = _sized(events, LINE_EVENTS / TRANSIT_SHARE, 1, 6)
        is_small = events * TRANSIT_SHARE < LINE_EVENTS / 2
        self.network = buses.lay_out(self._rng(19), lines, buses.NIGHT_S if is_small else buses.FIRST_S)
        self._visits: list[pl.DataFrame] = []

    def _rng(self, *of: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *of])

    @property
    def all_sensors(self) -> pl.DataFrame:
        """The city's detectors and those of its crossings."""
        return pl.concat([self.sensors, self.crossings], how="diagonal_relaxed")

    @property
    def references(self) -> dict[str, pl.DataFrame]:
        """Reference tables by name."""
        return {
            "stations": self.stations,
            "car_parks": self.parks,
            "routes": self.routes.with_columns(pl.col("free_flow_s").round(1)),
            "signal_controllers": self.signals,
            "signal_detectors": signals.detectors(self.signals),
        }

    def boxes(self, inbox: Path) -> dict[str, Archives | Outbox]:
        """Where each source's files go."""

        def lines(number: int, feed: str, suffix: str, hours: int, header: str = "") -> Outbox:
            return Outbox(inbox / feed, suffix, hours * HOUR_S, 900, self._rng(20, number), header, ragged=self.rates.files)

        return {
            "buses": Archives(inbox / "transit_vehicles", "", 4 * HOUR_S, 900),
            "bike_share": Archives(inbox / "bike_stations", ".json", 6 * HOUR_S, 900),
            "car_parks": Archives(inbox / "parking_occupancy", ".csv", 6 * HOUR_S, 900, is_zipped=False),
            "broker": Archives(inbox / "parking_occupancy", ".json", 6 * HOUR_S, 900),
            "routes": lines(1, "travel_time", ".csv", 6, travel_time.HEADER),
            "journeys": Archives(inbox / "travel_time", ".xml", 24 * HOUR_S, 900),
            "flow_ngsi": Archives(inbox / "traffic_flow_ngsi", ".json", 24 * HOUR_S, 900),
            "flow_sensorthings": Archives(inbox / "traffic_flow_sensorthings", ".json", 24 * HOUR_S, 900),
            "flow_datex2": Archives(inbox / "traffic_flow_datex2", ".xml", 24 * HOUR_S, 900),
            "signals_csv": lines(2, "signal_events", ".csv", 4, signal_files.HEADER),
            "signals_parquet": lines(3, "signal_events", ".parquet", 4),
            "signals_econolite": Archives(inbox / "signal_events", ".datZ", 6 * HOUR_S, 900),
        }

    def day(self, number: int, start: int, end: int, traffic: pl.DataFrame) -> Iterator[Posted]:
        """All that is sent about the day [start, end), epoch seconds, given what passed the detectors."""
        yield self._bike_day(self._rng(13, number), start, end)
        yield from self._parking_day(self._rng(15, number), number, start, end, traffic)
        yield from self._route_day(self._rng(18, number), start, end, traffic)
        yield self._bus_day(self._rng(21, number), start, end, traffic)
        for place in range(self.signals.height):
            yield from self._signal_day(self._rng(17, number, place), place, start, end)

    def last(self) -> dict[str, pl.DataFrame]:
        """The truth that is known when all days are over, with its `event_date`."""
        reliability = mobility_truth.reliability(pl.concat(self._driven), self.routes, self.city.zone)
        visits = transit_truth.tables(pl.concat(self._visits), self.network.lines, self.city.zone)
        return {"travel_time_reliability": reliability, **visits}

    def write_timetable(self, path: Path, start: date, days: int) -> None:
        """Write the buses' timetable as a GTFS archive."""
        timetable_file.write(path, self.network, self.city.zone, start, days)

    def _bike_day(self, rng: np.random.Generator, start: int, end: int) -> Posted:
        minutes = self._bikes.day(rng, start, end)
        sent = bike_stations.day(rng, self.stations, minutes, start, end, self.rates)
        tables = partial(mobility_truth.bikes, stations=self.stations, start=start)
        return Posted("bike_stations", "bike_share", sent, tables)

    def _parking_day(
        self, rng: np.random.Generator, number: int, start: int, end: int, traffic: pl.DataFrame
    ) -> Iterator[Posted]:
        minutes = self._parking.day(rng, traffic, start, end)
        is_wide = pl.Series(parking.is_wide(minutes["facility"].to_numpy()))
        for box, rows, step_s in (
            ("car_parks", minutes.filter(is_wide), parking_occupancy.POLL_S),
            ("broker", minutes.filter(~is_wide), 60),
        ):
            if box == "broker":
                sent = parking_occupancy.notified(rng, self.parks, rows, self.rates)
            else:
                sent = parking_occupancy.wide(rng, self.city, self.parks, rows, number, self.rates)
            sent.truth = mobility_truth.told_minutes(rows, sent.truth, "facility")
            tables = partial(mobility_truth.parking, parks=self.parks, start=start, step_s=step_s)
            yield Posted("parking_occupancy", box, sent, tables)

    def _route_day(self, rng: np.random.Generator, start: int, end: int, traffic: pl.DataFrame) -> Iterator[Posted]:
        driven = routes.driven(self.routes, self.sensors, traffic, start, end)
        is_single = pl.col("route") % 3 == 2
        single = routes.journeys(rng, driven.filter(is_single), JOURNEYS)
        sent = travel_time.day(rng, self.routes, driven.filter(~is_single), start, end, self.rates)
        told = {"routes": sent, "journeys": travel_time.journeys(rng, self.routes, single, self.rates)}
        for box, sent in told.items():
            self._driven.append(sent.truth.select("route", "at", "travel_time_s", "is_destroyed"))
            yield Posted("travel_time", box, sent, lambda _: {})

    def _bus_day(self, rng: np.random.Generator, start: int, end: int, traffic: pl.DataFrame) -> Posted:
        slow = routes.slowness(self.sensors, traffic, start, end)
        visits = buses.ran(rng, self.network, self.city, start, slow)
        day = datetime.fromtimestamp(start + 12 * HOUR_S, UTC)  # noon is on the same date everywhere in Europe
        sent = transit_vehicles.day(rng, self.network, visits, f"{day:%Y%m%d}", start, end, self.rates)
        self._visits.append(transit_truth.marked(visits, sent.truth))
        return Posted("transit_vehicles", "buses", sent, lambda _: {})

    def _signal_day(self, rng: np.random.Generator, place: int, start: int, end: int) -> Iterator[Posted]:
        signal, make = self.signals.row(place, named=True), MAKES[place]
        whole = self.logged_s >= 24 * HOUR_S
        begin = start if whole else start + (5 if self.logged_s > 8 * HOUR_S else 7) * HOUR_S
        until = end if whole else begin + self.logged_s
        passed = signals.passing(rng, self.city, signal, begin, until)
        day = signal_events.logged(rng, passed, until - begin, self.rates)
        kinds = {"csv": signal_files.TEXT, "parquet": signal_files.TYPED, "econolite": signal_files.BINARY}[make]
        sent = signal_events.sent(rng, day, signal, begin, kinds, self.rates)
        written = {"csv": signal_files.csv_lines, "parquet": signal_files.parquet_rows, "econolite": signal_files.econolite_logs}
        sent.lines = written[make](sent.lines)
        name = signal["controller_id"]
        before = self._before.get(name) if whole else None
        self._before[name] = passed
        tables = signal_truth.tables(passed, sent.truth, name, begin, until, before)
        yield Posted("signal_events", f"signals_{make}", sent, lambda _: tables)
        for speaks, flow in crossings.day(rng, passed, name, begin, self.rates).items():
            yield Posted(
                "traffic_flow", f"flow_{speaks}", flow, partial(mobility_truth.crossings, sensors=self.crossings, start=begin)
            )
