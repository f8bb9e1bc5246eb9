"""The faults the simulator makes: each kind, what it does, whether it destroys information, and how often it happens.

How a fault looks on the wire is said by the feeds' own modules.
"""

from dataclasses import asdict, dataclass, fields

import numpy as np

NONE = -1
THIRTY_YEARS_S = 946_684_800
"""How far ahead a clock is that lost its battery."""


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    Attributes:
        destroys: the row's true content cannot be had from the wire; where false, a right lake ends with the truth.
        rejected: the line it stands on is refused when landing.
    """

    doc: str
    destroys: bool = False
    rejected: bool = False


KINDS: dict[str, Fault] = {
    "repeat": Fault("the same row again, minutes to hours later"),
    "correction": Fault("a wrong or unfinished row first, the right one of the same key later"),
    "late_minutes": Fault("received 10 to 50 minutes after its time"),
    "late_hours": Fault("received 2 to 20 hours after its time"),
    "late_weeks": Fault("a backlog of two weeks ago, received on the first day"),
    "new_field": Fault("a field no contract knows"),
    "text_number": Fault('a number sent as text, "12" for 12'),
    "float_count": Fault("a count sent as 12.0"),
    "unreadable_number": Fault('"n/a" in a number column', True, True),
    "missing_value": Fault("a required value is null or absent", True, True),
    "sentinel": Fault("-1, 255, 65535 or 327.67 for 'no value'", True, True),
    "future": Fault("a stamp thirty years ahead, as of a clock that lost its battery", True, True),
    "ms_for_s": Fault("the interval in milliseconds where seconds are due", True),
    "truncated": Fault("the line ends early", True, True),
    "nul_bytes": Fault("a line of NUL bytes", True, True),
    "not_utf8": Fault("bytes that are no UTF-8", True, True),
    "array_line": Fault("a JSON array where an object is due", True, True),
    "nan": Fault("NaN as a value, which is no JSON", True, True),
    "new_value": Fault("a quality code nobody announced", True, True),
    "null_island": Fault("a place at 0 N 0 E", True, True),
    "swapped_place": Fault("latitude and longitude in each other's column", True),
    "out_of_order": Fault("on scene before the call was received", True, True),
    "forbidden_content": Fault("a picture, a face template or a plate in a row that may have none", True, True),
    "drop_out": Fault("a stretch that was never sent", True),
    "stuck": Fault("a device repeats one value for a stretch", True),
    "chatter": Fault("a detector counts vehicles several times over for a stretch", True),
    "percent": Fault("a detector that says occupancy in percent: refused above 1, corrected below", True, True),
    "mph": Fault("a detector that says its speeds in mph; reference/sensors corrects it"),
    "milliwatt_hours": Fault("a meter that says mWh for Wh; reference/meters corrects it"),
    "kilowatts": Fault("a lamp that says kW for W; reference/lamps corrects it"),
    "clock_offset": Fault("a device whose clock runs ahead or behind; the reference table corrects it"),
    "epoch_ms": Fault("an instant in milliseconds where seconds are due", True, True),
    "kmh_for_ms": Fault("a speed in km/h where m/s are due", True),
    "data_error": Fault("a value that its own site calls an error, whatever the number: left out, not refused", True, True),
    "blank_entity": Fault("an entity that says nothing", True, True),
    "any_docks": Fault("999 docks for 'as many as you like': how many are free is not said", True),
    "empty_poll": Fault("a document that lists nothing", True),
    "doubled_hour": Fault("a naive local stamp in the hour that comes twice", True, True),
    "missing_hour": Fault("a naive local stamp in the hour that the clocks skip", True, True),
}
"""Kinds by name. `percent` destroys only the rows that are refused; the truth says which."""


@dataclass(frozen=True)
class FaultRates:
    """How often each fault happens.

    Up to `forbidden_content` the rate is the share of rows (of the feeds that know the fault); from `drop_out` on it is the
    share of devices and, for stretches, of a day. `files` is the share of files that end without a newline or, for CSV,
    begin with a byte order mark; `polls` the share of polled documents that are cut, of those that list nothing, and of
    those with a blank entity. `doubled_hour` has no rate: naive local stamps make it whenever the clocks go back.
    With the defaults somewhat over one row in a hundred is touched.
    """

    repeat: float = 0.003
    correction: float = 0.001
    late_minutes: float = 0.002
    late_hours: float = 0.001
    late_weeks: float = 0.0005
    new_field: float = 0.001
    text_number: float = 0.0006
    float_count: float = 0.0006
    unreadable_number: float = 0.0002
    missing_value: float = 0.0001
    sentinel: float = 0.0006
    future: float = 0.0002
    ms_for_s: float = 0.0001
    truncated: float = 0.0002
    nul_bytes: float = 0.0001
    not_utf8: float = 0.0001
    array_line: float = 0.0001
    nan: float = 0.0001
    new_value: float = 0.0002
    null_island: float = 0.004
    swapped_place: float = 0.002
    out_of_order: float = 0.002
    epoch_ms: float = 0.0002
    any_docks: float = 0.0005
    kmh_for_ms: float = 0.0005
    data_error: float = 0.003
    forbidden_content: float = 0.002
    drop_out: float = 0.02
    stuck: float = 0.01
    chatter: float = 0.01
    percent: float = 0.004
    mph: float = 0.03
    milliwatt_hours: float = 0.02
    kilowatts: float = 0.02
    clock_offset: float = 0.02
    missing_hour: float = 0.05
    files: float = 0.34
    polls: float = 0.004

    @classmethod
    def none(cls) -> "FaultRates":
        """A city without faults."""
        return cls(**dict.fromkeys((f.name for f in fields(cls)), 0.0))

    @classmethod
    def rows_only(cls, **rates: float) -> "FaultRates":
        """Only the named faults, all others never."""
        return cls(**(asdict(cls.none()) | rates))


def draw(rng: np.random.Generator, rates: FaultRates, kinds: tuple[str, ...], n: int) -> np.ndarray:
    """For each of n rows the index of its fault in `kinds`, or NONE. A row gets at most one."""
    edges = np.cumsum([getattr(rates, k) for k in kinds])
    chosen = np.searchsorted(edges, rng.random(n), side="right").astype(np.int16)
    chosen[chosen == len(kinds)] = NONE
    return chosen


def some(rng: np.random.Generator, share: float, n: int) -> np.ndarray:
    """A mask of n devices with that share set: at least one where the share is not 0 and there are five devices."""
    wanted = round(share * n)
    if share > 0 and n >= 5:
        wanted = max(1, wanted)
    mask = np.zeros(n, dtype=bool)
    mask[rng.permutation(n)[:wanted]] = True
    return mask


def stretch(rng: np.random.Generator, chosen: np.ndarray, start: int, end: int, hours: tuple[float, float]) -> np.ndarray:
    """For each chosen device a stretch (start, end) in epoch seconds inside the day; empty for the others.

    Returns:
        An integer array of shape (devices, 2).
    """
    length = (rng.uniform(*hours, len(chosen)) * 3600).astype(np.int64)
    begin = start + (rng.random(len(chosen)) * np.maximum(end - start - length, 1)).astype(np.int64)
    return np.where(chosen[:, None], np.stack([begin, begin + length], axis=1), 0)


def within(windows: np.ndarray, device: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Which rows lie in their device's stretch."""
    return (at >= windows[device, 0]) & (at < windows[device, 1])
