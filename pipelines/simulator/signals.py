"""Traffic signals of the simulated city: their cycles, and the cars that wait at them and pass.

What their controllers log about it, and wrongly, is in signal_events.py.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.simulator.clockwork import covered_s, drawn, local_hours, spaced, through_gates, weekday
from pipelines.simulator.detectors import CENTRE, DISTRICTS, WEEKDAY, demand
from schemas.city import City

CYCLE_S, YELLOW_S, ALL_RED_S = 100.0, 3.5, 1.5
CLEAR_S = YELLOW_S + ALL_RED_S
LEFT, SIDE, MAIN = (1, 5), (4, 8), (2, 6)
PHASES = (1, 2, 4, 5, 6, 8)
GREEN_S = {**dict.fromkeys(LEFT, (5.0, 12.0)), **dict.fromkeys(SIDE, (8.0, 18.0))}
"""Shortest and longest green; the main street has what is left of the cycle."""
PEAK_VEH_H = {1: 90, 2: 430, 4: 290, 5: 75, 6: 400, 8: 260}
HEADWAY_S, START_LOST_S, CLOSEST_S = 2.0, 2.0, 1.6
"""Saturation headway and start-up loss, near HCM 7's 1900 veh/h and 2 s; no two cars pass a point closer than the third."""
APPROACH_S = 6.0
"""From the advance detector to the stop bar."""
ADVANCE, BUTTON = 20, 40
"""What is added to a phase for its advance detector's channel and its push button; the stop bar's channel is the phase."""
WALK_S, PED_CLEAR_S = 7.0, 9.0
PRESSES_H = 24.0


@dataclass(frozen=True)
class Passed:
    """What happened at one signal in one day, in seconds after `start`, all to a tenth.

    Attributes:
        length_s: of the day.
        greens: one row per cycle and phase: phase, green_s, yellow_s, red_s (begin red clearance), ends_s, terminated (4, 5, 6).
        cars: one row per car: phase, advance_s (at the detector upstream), bar_s (at the stop bar, were nobody waiting),
            on_s and off_s (over the stop bar).
        presses: one row per press of a pedestrian's button: phase, press_s.
        walks: one row per walk: phase, walk_s, first_press_s (of those who waited for it).
    """

    length_s: float
    greens: pl.DataFrame
    cars: pl.DataFrame
    presses: pl.DataFrame
    walks: pl.DataFrame


def lay_out(rng: np.random.Generator, n: int) -> pl.DataFrame:
    """Signals: where they stand, how loaded they are, how well the main street's platoons arrive."""
    angle, radius = rng.uniform(0, 2 * np.pi, n), np.sqrt(rng.random(n)) * 0.06
    return pl.DataFrame(
        {
            "controller_id": [f"S{i + 1:03d}" for i in range(n)],
            "district": [DISTRICTS[i % len(DISTRICTS)] for i in range(n)],
            "lat": np.round(CENTRE[0] + radius * np.sin(angle), 5),
            "lon": np.round(CENTRE[1] + 1.6 * radius * np.cos(angle), 5),
            "load": rng.uniform(0.85, 1.3, n),
            "platoon": rng.uniform(0.2, 0.8, n),
        }
    )


def detectors(laid: pl.DataFrame) -> pl.DataFrame:
    """What each channel of the signals' detectors is for."""
    bar = [(p, "presence", p, 0.0) for p in PHASES]
    advance = [(p + ADVANCE, "advance", p, APPROACH_S) for p in PHASES if p not in LEFT]
    buttons = [(p + BUTTON, "pedestrian", p, 0.0) for p in MAIN]
    columns = ["detector", "function", "phase", "travel_to_stop_bar_s"]
    return laid.select("controller_id").join(pl.DataFrame([*bar, *advance, *buttons], schema=columns, orient="row"), how="cross")


def passing(rng: np.random.Generator, city: City, signal: dict, start: int, end: int) -> Passed:
    """A day [start, end), epoch seconds, or whole cycles of one, at one signal (a row of `lay_out`).

    Cars are drawn first. In each cycle the left turns go first, then the side street, each as long as those who came
    since it was last asked need; the main street has the rest and is forced off.
    """
    minutes = np.arange(start, end, 60)
    hours, day = local_hours(city, minutes), weekday(city, start)
    inbound = np.array([p in (2, 4, 1) for p in PHASES])
    shape = np.broadcast_to(demand(hours, day, inbound), (len(hours), len(PHASES))) * WEEKDAY[day] * signal["load"]
    cycles = int((end - start) // CYCLE_S)
    zero = np.arange(cycles) * CYCLE_S
    bars = {p: _arriving(rng, shape[:, i] * PEAK_VEH_H[p], signal["platoon"] if p in MAIN else 0.0) for i, p in enumerate(PHASES)}
    length = {p: _wanted(rng, bars[p], zero, *GREEN_S[p]) for p in (*LEFT, *SIDE)}
    side = zero + np.maximum(length[1], length[5]) + CLEAR_S
    main = side + np.maximum(length[4], length[8]) + CLEAR_S
    begins = {**dict.fromkeys(LEFT, zero), **dict.fromkeys(SIDE, side), **dict.fromkeys(MAIN, main)}
    ends = {**{p: begins[p] + length[p] for p in length}, **dict.fromkeys(MAIN, zero + CYCLE_S - CLEAR_S)}
    greens, cars = [], []
    for phase in PHASES:
        car = _cars(phase, bars[phase], begins[phase], ends[phase], float(end - start))
        cars.append(car)
        greens.append(_greens(phase, begins[phase], ends[phase], length.get(phase), car))
    presses, walks = _pedestrians(rng, demand(hours, day, np.array([True]))[:, 0], begins)
    return Passed(float(end - start), pl.concat(greens), pl.concat(cars), presses, walks)


def _arriving(rng: np.random.Generator, rate_h: np.ndarray, platoon: float) -> np.ndarray:
    """Instants at which cars would be at the stop bar; `platoon` of them are bunched into the cycle's later half."""
    at = drawn(rng, rate_h, 60.0)
    bunched = rng.random(len(at)) < platoon
    at = np.where(bunched, at // CYCLE_S * CYCLE_S + (0.5 + 0.45 * rng.random(len(at))) * CYCLE_S, at)
    return np.round(spaced(np.sort(at) + APPROACH_S, CLOSEST_S), 1)


def _wanted(rng: np.random.Generator, bar: np.ndarray, zero: np.ndarray, least: float, most: float) -> np.ndarray:
    came = np.searchsorted(bar, zero + 20) - np.searchsorted(bar, zero + 20 - CYCLE_S)
    return np.round(np.clip(START_LOST_S + HEADWAY_S * came + rng.uniform(0, 3, len(zero)), least, most), 1)


def _cars(phase: int, bar: np.ndarray, begins: np.ndarray, ends: np.ndarray, length: float) -> pl.DataFrame:
    """Cars that leave before the day is over. The first two seconds of yellow are still driven."""
    leaves = np.round(through_gates(bar, begins + START_LOST_S, ends + 2.0, HEADWAY_S), 1)
    off = leaves + 0.4
    stands = np.maximum(bar, np.concatenate([[-np.inf], off[:-1] + 0.2]))
    kept = off < length
    columns = {"advance_s": bar - APPROACH_S, "bar_s": bar, "on_s": np.minimum(stands, leaves), "off_s": off}
    return pl.DataFrame({k: np.round(v[kept], 1) for k, v in columns.items()}).select(
        pl.lit(phase, pl.Int64).alias("phase"), pl.all()
    )


def _greens(phase: int, begins: np.ndarray, ends: np.ndarray, wanted: np.ndarray | None, cars: pl.DataFrame) -> pl.DataFrame:
    """Greens with what ended them: the main street is forced off; others ran to their longest, or found a gap."""
    most = GREEN_S[phase][1] if phase in GREEN_S else np.inf
    terminated = np.full(len(begins), 6) if wanted is None else np.where(wanted >= most, 5, 4)
    return pl.DataFrame(
        {
            "phase": np.full(len(begins), phase),
            "cycle": np.arange(len(begins)),
            "green_s": np.round(begins, 1),
            "yellow_s": np.round(ends, 1),
            "red_s": np.round(ends + YELLOW_S, 1),
            "ends_s": np.round(ends + CLEAR_S, 1),
            "terminated": terminated,
            "green_occupied_s": covered_s(*_bar(cars), begins, ends),
            "red_occupied_s": covered_s(*_bar(cars), ends + YELLOW_S, ends + YELLOW_S + 5.0),
        }
    )


def _bar(cars: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return cars["on_s"].to_numpy(), cars["off_s"].to_numpy()


def _pedestrians(rng: np.random.Generator, shape: np.ndarray, begins: dict[int, np.ndarray]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Presses of the buttons beside the main street, and the walks that answer them."""
    presses, walks = [], []
    for phase in MAIN:
        press = np.unique(np.round(drawn(rng, PRESSES_H * shape, 60.0), 1))
        again = press[rng.random(len(press)) < 0.4]
        press = np.unique(np.round(np.concatenate([press, again + rng.uniform(0.5, 4.0, len(again))]), 1))
        press = press[press < begins[phase][-1] - 1]
        before, after = (np.searchsorted(begins[phase], press - wait, side="right") for wait in (0.0, WALK_S))
        asks = before == after  # who presses while the walk is shown waits for none
        served, first = np.unique(before[asks], return_index=True)
        asked = {"walk_s": np.round(begins[phase][served], 1), "first_press_s": press[asks][first]}
        press = press[asks | np.isin(before - 1, served)]
        presses.append(pl.DataFrame({"phase": np.full(len(press), phase), "press_s": press}))
        walks.append(pl.DataFrame({"phase": np.full(len(served), phase), **asked}))
    return pl.concat(presses), pl.concat(walks)
