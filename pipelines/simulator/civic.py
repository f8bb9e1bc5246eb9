"""The city's lights, crashes, cameras, air, requests and transactions, day by day: beside its traffic, meters and calls.

What each of them does and sends is said in its own modules; this one only goes through them.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.simulator import (
    air,
    air_quality,
    air_truth,
    alert_truth,
    camera_events,
    camera_truth,
    cameras,
    crash_snapshots,
    crash_truth,
    crashes,
    districts,
    eservice_transactions,
    knowing_truth,
    lamps,
    lighting_truth,
    service_register,
    service_requests,
    services_truth,
    sky,
    streetlights,
    transactions,
)
from pipelines.simulator.archives import Archives
from pipelines.simulator.faults import FaultRates
from pipelines.simulator.mobility import Posted
from pipelines.simulator.outbox import Outbox
from schemas.city import City

FEEDS = ("streetlights", "crashes", "camera_events", "air_quality", "service_requests", "eservice_transactions")
HOUR_S = 3600
EVENTS_PER_CRASH, EVENTS_PER_CAMERA, EVENTS_PER_LAMP = 14_000, 12_000, 700
EVENTS_PER_REQUEST, EVENTS_PER_STATION, EVENTS_PER_TRANSACTION = 1500, 40_000, 160


class Civic:
    """The rest of the city's life over several days.

    Attributes:
        raised: the alerts that a right lake raises over what happened on the last day.
    """

    def __init__(self, city: City, sensors: pl.DataFrame, rates: FaultRates, events: float, seed: int, until: int) -> None:
        """Lay out as much of each as fits a city with so many events a day; the last one ends at `until`, epoch seconds."""
        self.city, self.sensors, self.rates, self.seed = city, sensors, rates, seed
        self.cameras = cameras.lay_out(self._rng(31), int(np.clip(events / EVENTS_PER_CAMERA, 6, 60)), rates)
        self._crashes_a_day = float(np.clip(events / EVENTS_PER_CRASH, 8, 100))
        self.lamps = lamps.Lamps(lamps.lay_out(self._rng(35), int(np.clip(events / EVENTS_PER_LAMP, 48, 2000)), rates), city)
        self._table = crash_snapshots.CrashTable(rates)
        self.stations = air.lay_out(self._rng(40), sensors, int(np.clip(events / EVENTS_PER_STATION, 3, 12)), rates)
        self._register, self._polls = service_register.Register(city), service_requests.Polls(rates)
        self._requests_a_day = float(np.clip(events / EVENTS_PER_REQUEST, 12, 600))
        self._transactions_a_day, self._until = float(np.clip(events / EVENTS_PER_TRANSACTION, 60, 6000)), until
        self.raised: list[pl.DataFrame] = []
        self._days: list[tuple[date, int, int]] = []
        self._crashed: list[pl.DataFrame] = []
        self._nights: list[pl.DataFrame] = []
        self._submitted: list[pl.DataFrame] = []
        self._changes: list[pl.DataFrame] = []
        self._happened = pl.DataFrame()

    def _rng(self, *of: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *of])

    @property
    def references(self) -> dict[str, pl.DataFrame]:
        """Reference tables by name."""
        return {
            "districts": districts.table(),
            "cameras": self.cameras,
            "lamps": self.lamps.laid,
            "services": service_register.SERVICES,
            "air_stations": self.stations,
        }

    def boxes(self, inbox: Path) -> dict[str, Archives | Outbox]:
        """Where each source's files go."""

        def lines(number: int, feed: str, suffix: str, hours: int, header: str = "") -> Outbox:
            return Outbox(inbox / feed, suffix, hours * HOUR_S, 900, self._rng(30, number), header, ragged=self.rates.files)

        return {
            "lamps": lines(1, "streetlights", ".jsonl", 6),
            "lamps_broker": Archives(inbox / "streetlights", ".json", 6 * HOUR_S, 900),
            "crash_table": Archives(inbox / "crashes", ".csv", HOUR_S, crash_snapshots.DELIVERED_S, is_zipped=False),
            "air": Archives(inbox / "air_quality", ".json", 6 * HOUR_S, 900),
            "noise": Archives(inbox / "air_quality_noise", ".json", 6 * HOUR_S, 900),
            "portal": lines(3, "eservice_transactions", ".jsonl", 6),
            "offices": lines(4, "eservice_transactions", ".csv", 12, eservice_transactions.wording(True).header),
            "register": Archives(inbox / "service_requests", ".json", 6 * HOUR_S, 900),
            "changes": lines(2, "service_requests", ".csv", 24, service_requests.wording().header),
            "cameras": lines(0, "camera_events", ".jsonl", 6),
        }

    def crashes(self, number: int, start: int, end: int, blocked: pl.DataFrame) -> pl.DataFrame:
        """The crashes of a day [start, end), epoch seconds, given the roads that are blocked."""
        dark = self.lamps.fail(self._rng(36, number), start, end)
        self._happened = crashes.happened(
            self._rng(32, number), self.city, start, end, self._crashes_a_day, blocked, self.sensors, self.cameras, dark
        )
        return self._happened

    def day(self, number: int, start: int, end: int, traffic: pl.DataFrame, units: pl.DataFrame) -> Iterator[Posted]:
        """All that is sent about the day [start, end), epoch seconds.

        Args:
            traffic: what passed the detectors.
            units: the truth of the day's calls, as `emergency_calls.desks` gives it.
        """
        self._days.append((datetime.fromtimestamp(start + 12 * HOUR_S, UTC).date(), start, end))
        table = self._table.publish(self._rng(33, number), self._happened, number, end)
        self._crashed.append(table.truth.with_columns(event_date=self._days[-1][0]))
        yield Posted("crashes", "crash_table", table, lambda _: {})
        yield from self._light_day(self._rng(37, number), start, end, table.truth)
        yield from self._request_day(number, start, end)
        yield from self._transaction_day(self._rng(42, number), start, end)
        yield from self._air_day(self._rng(41, number), start, end, traffic)
        yield self._camera_day(self._rng(34, number), start, end, units)

    def _light_day(self, rng: np.random.Generator, start: int, end: int, crashed: pl.DataFrame) -> Iterator[Posted]:
        laid, states = self.lamps.laid, self.lamps.day(rng, start, end)
        self.raised = [alert_truth.lamp_outage(states, laid, sky.below(sky.DARK_DEG, start, end))]
        boxes = streetlights.day(rng, laid, states, start, end, self.rates)
        told = pl.concat([s.truth.select(*states.columns, "is_destroyed") for s in boxes.values()])
        daily = lighting_truth.by_lamp(told, laid, start, end)
        dark = lighting_truth.crashes_in_the_dark(crashed, told, daily, laid, start, end)
        self._nights.append(daily.select("lamp", "lamps_out", "said_s", "damaged_n").with_columns(event_date=self._days[-1][0]))
        tables = [{"streetlight_daily": daily.drop("lamp", "said_s"), "lamp_outage_crashes": dark}, {}]
        for (box, sent), of in zip(boxes.items(), tables, strict=True):
            yield Posted("streetlights", box, sent, partial(_same, of))

    def _air_day(self, rng: np.random.Generator, start: int, end: int, traffic: pl.DataFrame) -> Iterator[Posted]:
        breathed = air.breathed(rng, self.city, self.stations, traffic, start, end)
        for box, sent in air_quality.day(rng, self.stations, breathed, start, end, self.rates).items():
            yield Posted("air_quality", box, sent, lambda t: {"air_quality_hourly": air_truth.hourly(t, start)})

    def _camera_day(self, rng: np.random.Generator, start: int, end: int, units: pl.DataFrame) -> Posted:
        seen = cameras.concluded(rng, self.city, self.cameras, self._happened, start, end)
        self.raised.append(alert_truth.of_cameras(seen, self.cameras))
        sent = camera_events.day(rng, self.cameras, seen, start, self.rates)
        spoilt = set(units.filter("is_destroyed")["incident_id"])
        chains = camera_truth.chains(sent.truth, self.cameras, units, spoilt)
        tables = {
            "crowd_density": camera_truth.crowds(sent.truth, self.cameras, start),
            "camera_alerts": camera_truth.alerts(chains),
            "alert_to_scene": chains.drop("kind", "district", "incident_id", "received_to_dispatched_s"),
        }
        return Posted("camera_events", "cameras", sent, partial(_same, tables))

    def _transaction_day(self, rng: np.random.Generator, start: int, end: int) -> Iterator[Posted]:
        submitted = transactions.submitted(rng, self.city, start, end, self._transactions_a_day)
        for box, sent in eservice_transactions.day(rng, submitted, self._until, self.rates).items():
            self._submitted.append(sent.truth.select(*submitted.columns, "is_destroyed"))
            yield Posted("eservice_transactions", box, sent, lambda _: {})

    def _request_day(self, number: int, start: int, end: int) -> Iterator[Posted]:
        began = self.lamps.outages.filter(pl.col("from_s").is_between(start, end - 1))
        rng = self._rng(38, number)
        self._register.day(rng, start, end, self._requests_a_day, self._happened, began, self.lamps.laid)
        yield self._polled(self._rng(39, number), np.arange(start + service_requests.POLL_S, end, service_requests.POLL_S))
        theirs = self._register.outer().filter(pl.col("updated_at").is_between(start, end - 1))
        sent = service_requests.changes(rng, theirs, self.rates)
        self._changes.append(sent.truth)
        yield Posted("service_requests", "changes", sent, lambda _: {})

    def _polled(self, rng: np.random.Generator, times: np.ndarray) -> Posted:
        return Posted("service_requests", "register", self._polls.between(rng, self._register.own(), times), lambda _: {})

    def after(self, days: int, end: int) -> Iterator[Posted]:
        """What is sent when all days are over."""
        yield Posted("crashes", "crash_table", self._table.publish_last(days, end), lambda _: {})
        yield self._polled(self._rng(39, days), np.array([end]))

    def last(self) -> dict[str, pl.DataFrame]:
        """The truth that is known when all days are over, with its `event_date`."""
        own = self._polls.versions.with_columns(pl.col("is_destroyed") | ~pl.col("is_known"))
        versions = pl.concat([v.select(*REQUEST, "is_destroyed") for v in (own, *self._changes)]).sort("request", "updated_at")
        dates = [d for d, *_ in self._days]
        return {
            "crash_severity": crash_truth.severities(pl.concat(self._crashed)),
            "who_knew_first": knowing_truth.outages(pl.concat(self._nights), versions, self.lamps.laid, self._days),
            "service_requests_daily": services_truth.requests(versions, self._days),
            "eservices_daily": services_truth.transactions(pl.concat(self._submitted), self.city.zone, dates),
        }


REQUEST = ("request", "service", "district", "requested_at", "updated_at", "status", "lat", "lon")


def _same(tables: dict[str, pl.DataFrame], _: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return tables
