"""The sun over the simulated city: when it passes an elevation. What is lit then is the lamps' own module's."""

from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from pipelines.simulator.detectors import CENTRE

STEP_S = 120
DARK_DEG, DAYLIGHT_DEG = -6.0, -0.833
"""Centre of the sun: under the first it is dark, over the second it is day (US Naval Observatory)."""


@lru_cache(maxsize=64)
def _day(start: int, end: int, lat: float, lon: float) -> tuple[np.ndarray, np.ndarray]:
    at = np.append(np.arange(start, end, STEP_S), end)
    return at, elevations(at, lat, lon)


def elevations(at: np.ndarray, lat: float, lon: float) -> np.ndarray:
    """Elevation of the sun in degrees, without refraction, at epoch seconds."""
    from astral import Observer
    from astral.sun import elevation

    place = Observer(lat, lon)
    return np.array([elevation(place, datetime.fromtimestamp(int(s), UTC), with_refraction=False) for s in at])


def below(degrees: float, start: int, end: int, lat: float = CENTRE[0], lon: float = CENTRE[1]) -> np.ndarray:
    """Stretches of [start, end), epoch seconds, in which the sun stands under an elevation.

    Returns:
        An integer array of shape (stretches, 2).
    """
    at, high = _day(start, end, lat, lon)
    over = high - degrees
    turns = np.flatnonzero((over[:-1] < 0) != (over[1:] < 0))
    part = over[turns] / (over[turns] - over[turns + 1])
    guess = np.round(at[turns] + part * np.diff(at)[turns]).astype(np.int64)
    near = guess[:, None] + np.arange(-3, 4)
    # the first second on the other side: near the guess, as the sun moves almost evenly
    other = (elevations(near.ravel(), lat, lon).reshape(near.shape) < degrees) != (over[turns] < 0)[:, None]
    cuts = near[np.arange(len(near)), other.argmax(axis=1)]
    edges = np.concatenate([[start] if over[0] < 0 else [], cuts, [end] if over[-1] < 0 else []]).astype(np.int64)
    return edges.reshape(-1, 2)


def within(stretches: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Which instants lie in one of the stretches, which are sorted and apart."""
    return np.searchsorted(stretches.ravel(), at, side="right") % 2 == 1
