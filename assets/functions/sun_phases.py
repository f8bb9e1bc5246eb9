"""`sun_phases(from_us, until_us, lat, lon, dark_deg, day_deg)`: dark, twilight and daylight at a place between two instants.

What should burn then is the metrics' to say. Call it over distinct places and days: every one is worked out in Python.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow as pa
from astral import Observer
from astral.sun import elevation, noon
from duckdb.func import ARROW, SPECIAL

HALF_TURN_S = 43200
PHASES = pa.list_(pa.struct([("from_us", pa.int64()), ("until_us", pa.int64()), ("phase", pa.string())]))
RETURNED = "STRUCT(from_us BIGINT, until_us BIGINT, phase VARCHAR)[]"
Phase = dict[str, Any]


def register(con: duckdb.DuckDBPyConnection) -> None:
    """Make the function known to a connection.

    In SQL: from and until in microseconds since the epoch, the place in degrees of WGS 84, elevations in degrees. Dark is the
    centre of the sun under `dark_deg`, daylight over `day_deg`, twilight between. Elevations are geometric, without refraction,
    as sunset at -0.833 and civil dusk at -6 degrees are defined. The list covers the time whole, cut to the second, in
    microseconds since `from_us`; where the sun does not pass an elevation (polar day and night) there is no cut. Without a place
    it is one element whose phase is NULL. Source: Meeus, Astronomical Algorithms, 2nd edition (1998), as `astral` has it.
    """
    kinds: list[Any] = ["BIGINT", "BIGINT", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE"]
    con.create_function("sun_phases", _of_batch, kinds, RETURNED, type=ARROW, null_handling=SPECIAL)


def _of_batch(from_us: Any, until_us: Any, lat: Any, lon: Any, dark_deg: Any, day_deg: Any) -> pa.Array:
    rows = zip(*(c.to_pylist() for c in (from_us, until_us, lat, lon, dark_deg, day_deg)), strict=True)
    return pa.array([_phases(*row) for row in rows], PHASES)


@lru_cache(maxsize=100_000)
def _phases(from_us: int, until_us: int, lat: float | None, lon: float | None, dark_deg: float, day_deg: float) -> list[Phase]:
    """The phases of one place; see `register`."""
    end = until_us - from_us
    if lat is None or lon is None:
        return [_phase(0, end, None)]
    at = Observer(lat, lon)
    first, last = from_us // 1_000_000, -(-until_us // 1_000_000)
    cuts = {c for degrees in (dark_deg, day_deg) for c in _passages(at, first, last, degrees)}
    edges = [0, *(c * 1_000_000 - from_us for c in sorted(cuts) if from_us < c * 1_000_000 < until_us), end]
    found: list[Phase] = []
    for a, b in pairwise(edges):
        degrees = _elevation(at, (from_us + (a + b) // 2) // 1_000_000)
        phase = "dark" if degrees < dark_deg else "daylight" if degrees > day_deg else "twilight"
        if found and found[-1]["phase"] == phase:  # the sun touched an elevation and turned
            found[-1]["until_us"] = b
        else:
            found.append(_phase(a, b, phase))
    return found


def _phase(from_us: int, until_us: int, phase: str | None) -> Phase:
    return {"from_us": from_us, "until_us": until_us, "phase": phase}


def _passages(at: Observer, first: int, last: int, degrees: float) -> list[int]:
    """The seconds at which the sun passes an elevation: between a noon and a midnight it only sinks, or only rises."""
    middle = datetime.fromtimestamp((first + last) // 2, UTC).date()
    high = int(noon(at, middle).timestamp())
    turns = range(high - HALF_TURN_S * (2 + (high - first) // HALF_TURN_S), last + 2 * HALF_TURN_S, HALF_TURN_S)
    bounds = [t for t in turns if first - HALF_TURN_S <= t <= last + HALF_TURN_S]
    return [c for a, b in pairwise(bounds) for c in _passage(at, a, b, degrees)]


def _passage(at: Observer, first: int, last: int, degrees: float) -> Sequence[int]:
    """The first second at which the sun is on the side of an elevation on which it is at `last`; none if it is there already."""
    side = _elevation(at, last) > degrees
    if (_elevation(at, first) > degrees) == side:
        return ()
    return (bisect_right(range(first, last), False, key=lambda s: (_elevation(at, s) > degrees) == side) + first,)


def _elevation(at: Observer, second: int) -> float:
    return elevation(at, datetime.fromtimestamp(0, UTC) + timedelta(seconds=second), with_refraction=False)
