"""Buses of the simulated city: their timetable, and when they really were at each stop.

What they send about it, and wrongly, is in transit_vehicles.py; the timetable as a GTFS archive is in timetable_file.py.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.simulator.detectors import CENTRE
from schemas.city import City

STOPS, HOP_S, HEADWAY_S, LAYOVER_S = 16, 110, 600, 120
FIRST_S, LAST_S = 5 * 3600, 25 * 3600 + 1800
"""First and last departure of a service day, after its noon minus twelve hours; the last ones are on the next day."""
NIGHT_S = 22 * 3600 + 1800
PER_ROUTE = 7
DWELL_S = 20
LATENESS_SPREAD = 0.13


@dataclass(frozen=True)
class Network:
    """What the timetable says: `stops` (stop_id, lat, lon), `lines` (route_id), `calls` (trip, stop, seconds of the day)."""

    stops: pl.DataFrame
    lines: pl.DataFrame
    calls: pl.DataFrame


def lay_out(rng: np.random.Generator, lines: int, first_s: int = FIRST_S) -> Network:
    """Lines across the city, each with stops in both directions and a bus every ten minutes from `first_s` of the day on.

    Returns:
        calls has one row per trip and stop: line, direction, bus (of the line), round, trip_id, stop_id, stop_sequence,
        due_s (after noon minus twelve hours of the service day).
    """
    angle = np.pi * np.arange(lines) / lines + rng.uniform(0, 0.3, lines)
    along = np.linspace(-0.035, 0.035, STOPS)
    bend = rng.uniform(-0.004, 0.004, (lines, STOPS))
    lat = np.round(CENTRE[0] + np.sin(angle)[:, None] * along + bend, 5)
    lon = np.round(CENTRE[1] + 1.6 * np.cos(angle)[:, None] * along + bend, 5)
    names = np.array([[[f"L{i + 1}{d}{s + 1:02d}" for s in range(STOPS)] for d in "AB"] for i in range(lines)])
    stops = pl.DataFrame(
        {
            "stop_id": names.ravel(),
            "lat": np.stack([lat, lat[:, ::-1]], 1).ravel(),
            "lon": np.stack([lon, lon[:, ::-1]], 1).ravel(),
        }
    )
    departures = np.arange(first_s, LAST_S, HEADWAY_S)
    number = np.arange(len(departures))
    line, direction, trip, stop = (
        a.ravel() for a in np.meshgrid(np.arange(lines), [0, 1], number, np.arange(STOPS), indexing="ij")
    )
    back = PER_ROUTE * HEADWAY_S // 2
    calls = pl.DataFrame(
        {
            "line": line,
            "direction": direction,
            "bus": line * PER_ROUTE + trip % PER_ROUTE,
            "round": trip // PER_ROUTE,
            "trip": trip,
            "trip_id": np.char.add(np.char.add(np.char.add("T", (line + 1).astype(str)), np.array(["A", "B"])[direction]),
                                   np.char.zfill((trip + 1).astype(str), 3)),
            "stop_id": names[line, direction, stop],
            "stop_sequence": stop + 1,
            "due_s": departures[trip] + direction * back + stop * HOP_S,
        }
    )  # fmt: skip
    return Network(stops, pl.DataFrame({"route_id": [f"L{i + 1}" for i in range(lines)]}), calls)


def service_start(city: City, start: int) -> int:
    """Noon minus twelve hours of the local day that begins at `start`, epoch seconds: from where its timetable counts."""
    noon = pl.select(
        pl.from_epoch(pl.lit(start), "s").dt.replace_time_zone("UTC").dt.convert_time_zone(city.zone)
        .dt.replace_time_zone(None).dt.truncate("1d").dt.offset_by("12h").dt.replace_time_zone(city.zone).dt.epoch("s")
    ).item()  # fmt: skip
    return int(noon) - 12 * 3600


def ran(rng: np.random.Generator, network: Network, city: City, start: int, slow: np.ndarray) -> pl.DataFrame:
    """When the buses of the service day that begins at `start` came to their stops.

    Hops take their time in the timetable, longer where the city's traffic is slow; a bus sets out when it is due and
    has turned round, so that one late trip makes the next one late.

    Args:
        slow: driving time over free flow per quarter of an hour from `start` on.

    Returns:
        `calls` with at (arrival, epoch seconds) and late_s.
    """
    begin = service_start(city, start)
    calls = network.calls.sort("line", "direction", "trip", "stop_sequence")
    shape = (-1, STOPS)
    due = begin + calls["due_s"].to_numpy().reshape(shape)
    quarter = np.clip((due - start) // 900, 0, len(slow) - 1)
    pace = 0.92 + 0.6 * (slow[quarter] / np.median(slow) - 1).clip(-0.1, 0.6)
    hop = np.maximum(HOP_S * pace * rng.lognormal(0, LATENESS_SPREAD, due.shape), 75.0)
    hop[:, 0] = rng.exponential(25.0, len(due)) - 20.0
    needs = np.cumsum(hop, axis=1)
    trips = calls.gather_every(STOPS)
    bus, turn = trips["bus"].to_numpy(), (2 * trips["round"] + trips["direction"]).to_numpy()
    free_at = np.zeros(int(bus.max()) + 1)
    arrived = np.zeros_like(needs)
    # one step per half round of all buses at once: each sets out after its own last trip
    for number in range(int(turn.max()) + 1):
        of = np.flatnonzero(turn == number)
        leaves = np.maximum(due[of, 0], free_at[bus[of]] + LAYOVER_S + 20.0)
        arrived[of] = np.round(leaves[:, None] + needs[of])
        free_at[bus[of]] = arrived[of, -1]
    at = arrived.ravel().astype(np.int64)
    return calls.with_columns(at=at, due=due.ravel(), late_s=at - due.ravel())
