"""What signals did, worked out slowly and one thing after another, from the words of the metrics' contracts."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Any

from schemas.city import City

S = 1_000_000
QUARTER = 900 * S
LOOKBACK, MEMORY_DAY, MEMORY_NIGHT = 14400 * S, 300 * S, 900 * S
BREAKS = (173, 181, 182, 184)


@dataclass
class Controller:
    """One controller on one day; all times in microseconds since the day began, those before it negative."""

    length: int
    events: list[tuple[int, int, int]]
    uses: list[dict[str, Any]]

    def __post_init__(self) -> None:
        self.events.sort()
        self.own = [e for e in self.events if e[0] >= 0]
        self.silences = self._silences()
        self.broken = sorted([a for a, code, _ in self.events if code in BREAKS] + [a for a, _ in self.silences])

    def _silences(self) -> list[tuple[int, int]]:
        at = [e[0] for e in self.events]
        out = [(-LOOKBACK, at[0])]
        for before, after in zip(at, [*at[1:], self.length], strict=True):
            hour = (before + 24 * 3600 * S) // (3600 * S) % 24
            if after - before > (MEMORY_DAY if 5 <= hour < 23 else MEMORY_NIGHT):
                out.append((before, after))
        return out

    def heard_share(self, quarter: int) -> float:
        low, high = quarter * QUARTER, (quarter + 1) * QUARTER
        silent = sum(max(0, min(b, high) - max(a, low)) for a, b in self.silences)
        return 1 - silent / QUARTER

    def using(self, function: str, phase: int) -> dict[int, dict[str, Any]]:
        return {u["detector"]: u for u in self.uses if u["function"] == function and u["phase"] == phase}

    def phases(self, function: str) -> set[int]:
        return {u["phase"] for u in self.uses if u["function"] == function}

    def lights(self, phase: int) -> list[tuple[int, int]]:
        """When the light changed, and to what: 1 green, 2 yellow, 3 red, 9 unknown."""
        states = {1: 1, 8: 2, 9: 3, 10: 3}
        told = [(a, states[code]) for a, code, p in self.events if p == phase and code in states]
        return sorted(told + [(a, 9) for a in self.broken]) if told else []

    def arrivals(self, phase: int) -> list[tuple[int, int | None]]:
        """Arrivals of the day, with the light each met."""
        lights, out = self.lights(phase), []
        for detector, use in self.using("advance", phase).items():
            for at, code, parameter in self.events:
                if code == 82 and parameter == detector:
                    at += round(use["travel_to_stop_bar_s"] * S)
                    i = bisect_right(lights, (at, 99))
                    out.append((at, lights[i - 1][1] if i else None))
        return [a for a in out if 0 <= a[0] < self.length]

    def stays(self, detector: int) -> list[tuple[int, int]]:
        """When a detector was occupied."""
        ticks: dict[int, set[int]] = {}
        for at, code, parameter in self.events:
            if code in (81, 82) and parameter == detector:
                ticks.setdefault(at, set()).add(code)
        told = [(at, *codes) for at, codes in sorted(ticks.items()) if len(codes) == 1]
        out = []
        for i, (at, code) in enumerate(told):
            before, after = told[i - 1] if i else None, told[i + 1] if i + 1 < len(told) else None
            if code == 81 and before is None:
                out.append((-LOOKBACK, at))
            if code == 81 and after and after[1] == 81:
                out.append((after[0] - (after[0] - at) // 2, after[0]))
            if code == 82 and after is None:
                out.append((at, self.length))
            if code == 82 and after:
                lost = after[1] == 82 and after[0] - at > 2 * S
                out.append((at, after[0] - (after[0] - at) // 2 if lost else after[0]))
        return out

    def cycles(self, phase: int) -> list[tuple[int, int, int, int]]:
        """Begin of green, of yellow, of red, and end of the red that is judged, of cycles that end in the day."""
        told: list[tuple[int, int]] = []
        for at, state in self.lights(phase):
            if state < 3 or not told or told[-1][1] != state:
                told.append((at, state))
        out = []
        for i in range(len(told) - 2):
            (green, a), (yellow, b), (red, c) = told[i : i + 3]
            following = told[i + 3] if i + 3 < len(told) else (red + 5 * S, 1)
            whole = (a, b, c) == (1, 2, 3) and yellow > green
            broken = following[1] == 9 and following[0] < red + 5 * S
            end = min(red + 5 * S, following[0])
            if whole and not broken and red < end and 0 <= end < self.length:
                out.append((green, yellow, red, end))
        return out

    def occupied(self, phase: int, low: int, high: int) -> int:
        """How long any presence detector of the phase was occupied."""
        parts = [(max(a, low), min(b, high)) for d in self.using("presence", phase) for a, b in self.stays(d)]
        total, until = 0, low
        for a, b in sorted(p for p in parts if p[0] < p[1]):
            total += max(0, b - max(a, until))
            until = max(until, b)
        return total

    def button_phase(self, parameter: int) -> int:
        return next((u["phase"] for u in self.uses if u["function"] == "pedestrian" and u["detector"] == parameter), parameter)

    def pedestrians(self) -> dict[int, list[tuple[int, int]]]:
        """Walks, their ends, calls and presses of each phase, in order of time and code."""
        out: dict[int, list[tuple[int, int]]] = {p: [] for p in self.phases("pedestrian")}
        for at, code, parameter in self.events:
            if code in (21, 22, 45, 90):
                out.setdefault(self.button_phase(parameter) if code == 90 else parameter, []).append((at, code))
        return {p: sorted(told) for p, told in out.items()}

    def waits(self, told: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Walks of the day for which someone waited: when, and how long."""
        out, asked, walking = [], None, False
        for at, code in sorted([*told, *((a, 999) for a in self.broken)]):
            if code in (45, 90):
                asked = at if asked is None and not walking else asked
                continue
            if code == 21 and asked is not None and at >= 0:
                out.append((at, at - asked))
            asked, walking = None, code == 21
        return out


def controllers(rows: list[dict[str, Any]], uses: list[dict[str, Any]], city: City, day: date) -> dict[str, Controller]:
    """The controllers that said something on the day."""
    start = city.day_start(day).astimezone(UTC)
    length = city.day_seconds(day) * S
    out = {}
    for name in {r["controller_id"] for r in rows}:
        told = [
            ((r["occurred_at"] - start) // timedelta(microseconds=1), r["code"], r["parameter"])
            for r in rows
            if r["controller_id"] == name
        ]
        told = [e for e in told if -LOOKBACK <= e[0] < length]
        if any(e[0] >= 0 for e in told):
            out[name] = Controller(length, told, _in_force([u for u in uses if u["controller_id"] == name], start))
    return out


def _in_force(uses: list[dict[str, Any]], start) -> list[dict[str, Any]]:
    kept = []
    for detector in {u["detector"] for u in uses}:
        of = [u for u in uses if u["detector"] == detector]
        past = [u["valid_from"] for u in of if u["valid_from"] <= start]
        holds = max(past) if past else min(u["valid_from"] for u in of)
        kept += [u for u in of if u["valid_from"] == holds]
    return kept
