"""Times of the simulated city: local hours of instants, instants drawn to a daily shape, and waiting lines.

What happens at these times is said by each model.
"""

import numpy as np
import polars as pl

from schemas.city import City


def local_hours(city: City, at: np.ndarray) -> np.ndarray:
    """Local hour of the day, with its fraction, of epoch seconds."""
    local = _local(city, at)
    return (local.dt.hour() + local.dt.minute() / 60 + local.dt.second() / 3600).to_numpy()


def weekday(city: City, at: int) -> int:
    """0 for Monday of an instant's local day."""
    return int(_local(city, np.array([at])).dt.weekday()[0]) - 1


def _local(city: City, at: np.ndarray) -> pl.Series:
    seconds = pl.Series(np.asarray(at, np.int64))
    return pl.from_epoch(seconds, "s").dt.replace_time_zone("UTC").dt.convert_time_zone(city.zone)


def naive(city: City, stamp: np.ndarray, sleepy: np.ndarray) -> tuple[pl.Series, np.ndarray, np.ndarray]:
    """Wall-clock text of instants; whether it comes twice that day; whether a sleepy clock wrote an hour that was skipped."""
    utc = pl.from_epoch(pl.Series(stamp), "s").dt.replace_time_zone("UTC")
    local = utc.dt.convert_time_zone(city.zone).dt.replace_time_zone(None)
    doubled = local.dt.replace_time_zone(city.zone, ambiguous="null", non_existent="null").is_null().to_numpy()
    earlier = (utc.dt.offset_by("-1h")).dt.convert_time_zone(city.zone).dt.replace_time_zone(None)
    skipped = ((local - earlier).dt.total_seconds().to_numpy() > 3600) & sleepy
    if skipped.any():
        local = pl.select(pl.when(pl.Series(skipped)).then(local.dt.offset_by("-1h")).otherwise(local)).to_series()
    return local.dt.strftime("%Y-%m-%d %H:%M:%S"), doubled & ~skipped, skipped


def drawn(rng: np.random.Generator, rate_h: np.ndarray, step_s: float) -> np.ndarray:
    """Instants of a Poisson process, in seconds after its start and sorted, whose rate per hour is given step by step."""
    expected = rate_h * step_s / 3600
    counts = rng.poisson(expected)
    steps = np.repeat(np.arange(len(counts)), counts)
    return np.sort((steps + rng.random(len(steps))) * step_s)


def spaced(at: np.ndarray, headway: float) -> np.ndarray:
    """Instants in a line in which nobody follows closer than `headway`: whoever would is put off.

    d[i] = max(a[i], d[i-1] + h) is the running maximum of a[i] - i h, plus i h.
    """
    behind = np.arange(len(at)) * headway
    return np.maximum.accumulate(at - behind) + behind if len(at) else at


def through_gates(at: np.ndarray, opens: np.ndarray, closes: np.ndarray, headway: float) -> np.ndarray:
    """When each of a line gets through a gate that is open from `opens` to `closes`; infinite after the last closing.

    On a clock that runs only while the gate is open this is a line with a headway, see `spaced`.
    """
    length = np.concatenate([[0.0], np.cumsum(closes - opens)])
    edges, marks = np.stack([opens, closes], 1).ravel(), np.repeat(length, 2)[1:-1]
    open_clock = spaced(np.interp(at, edges, marks), headway)
    window = np.searchsorted(length, open_clock, side="right") - 1
    inside = window < len(opens)
    window = np.minimum(window, len(opens) - 1)
    return np.where(inside, opens[window] + open_clock - length[window], np.inf)


def covered_s(on: np.ndarray, off: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Of each window [begin, end) the part covered by the intervals [on, off), which are sorted and apart."""
    edges, marks = np.stack([on, off], 1).ravel(), np.repeat(np.concatenate([[0.0], np.cumsum(off - on)]), 2)[1:-1]
    return np.interp(end, edges, marks) - np.interp(begin, edges, marks) if len(on) else np.zeros(len(begin))
