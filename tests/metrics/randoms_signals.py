"""Random events of signal controllers, small, seeded: lost events, silences, midnight. What metrics make of them is not here."""

import random
from datetime import UTC, date, datetime, timedelta

from schemas.city import City

from .randoms import Rows, maybe

CONTROLLERS = ("c0", "c1", "c2")
HOURS = ((0, 1.3), (12, 12.4), (22.6, 24))
"""When they speak; c1 all through the night before midnight, so that a green may begin before it."""


def signals(city: City, day: date, seed: int) -> Rows:
    """Three controllers: phases 2, 4 and 6, detectors 1 to 6, a button 9; a little runs on after midnight."""
    rng, seen, rows = random.Random(f"signals {seed} {day}"), set(), []
    start, seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)

    def tell(controller: str, tenths: float, code: int, parameter: int, share: float = 0.97) -> None:
        at = start + timedelta(milliseconds=100 * round(tenths))
        if rng.random() < share and (controller, at, code, parameter) not in seen:
            seen.add((controller, at, code, parameter))
            rows.append({"controller_id": controller, "occurred_at": at, "code": code, "parameter": parameter})

    for controller in CONTROLLERS:
        for first, last in HOURS:
            at, end = first * 36000, min(last * 36000, seconds * 10)
            while at < end:
                for phase in rng.sample([2, 4, 6], 3):
                    at = _serve(rng, tell, controller, phase, at)
                if rng.random() < 0.03:
                    tell(controller, at - 20, rng.choice([173, 181, 182, 184]), 0)
                if rng.random() < 0.02:
                    at += rng.choice([2000, 3100, 8000, 12000])
            for detector in range(1, 7):
                at, code = first * 36000, rng.choice([81, 82])
                while at < end:
                    at += rng.choice([0, 1, 3, 5, 17, 30, 150, 600])
                    code = 163 - code if rng.random() < 0.95 else code
                    tell(controller, at, code, detector)
    return rows


def _serve(rng: random.Random, tell, controller: str, phase: int, at: float) -> float:
    """One green with what goes with it; returns when the next may begin, in tenths of a second."""
    green, yellow, red = rng.choice([50, 105, 200, 333]), rng.choice([30, 35, 40]), rng.choice([0, 10, 20, 60])
    if phase == 2:
        for _ in range(rng.choice([0, 0, 1, 3])):
            tell(controller, at + rng.choice([-300, -40, 10, 60, 90, 100]), rng.choice([45, 90]), 9 if rng.random() < 0.8 else 2)
        if rng.random() < 0.6:
            tell(controller, at, 21, phase)
            tell(controller, at + 70, 22, phase)
    tell(controller, at, 1, phase)
    tell(controller, at + green, rng.choice([4, 5, 6]), phase, 0.8)
    tell(controller, at + green, 8, phase)
    tell(controller, at + green + yellow, 9, phase, 0.7)
    tell(controller, at + green + yellow, 10, phase, 0.8)
    return at + green + yellow + red


def signal_reference() -> dict[str, Rows]:
    """What detectors are for, changing at noon of the second day; c1 has none, c2 one detector on two phases."""
    old, later = datetime(2020, 1, 1, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)
    uses = [("c0", 1, "advance", 2), ("c0", 2, "presence", 2), ("c0", 3, "presence", 2), ("c0", 4, "presence", 4)]
    uses += [("c0", 5, "advance", 4), ("c0", 9, "pedestrian", 2), ("c0", 77, "count", 6)]
    uses += [("c2", 1, "presence", 2), ("c2", 1, "presence", 6), ("c2", 1, "advance", 6), ("c2", 6, "yellow_red", 2)]
    detectors: Rows = [
        {"controller_id": c, "detector": d, "valid_from": old, "function": f, "phase": p}
        | {"travel_to_stop_bar_s": maybe(random.Random(d), 0.5, 6.5) or 0.0}
        for c, d, f, p in uses
    ]
    changed = {"controller_id": "c0", "detector": 5, "valid_from": later, "function": "presence", "phase": 4}
    detectors.append(changed | {"travel_to_stop_bar_s": 0.0})
    places: Rows = [{"controller_id": "c0", "valid_from": old, "district": "a", "clock_offset_s": 0}]
    return {"reference.signal_detectors": detectors, "reference.signal_controllers": places}


FEEDS = {"signal_events": signals}
REFERENCES = {t: lambda _seed, t=t: signal_reference()[f"reference.{t}"] for t in ("signal_detectors", "signal_controllers")}
