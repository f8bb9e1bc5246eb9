"""What signals' controllers log: phases, detectors and buttons as events by the Indiana codes, faults and all.

What happens at the signals is in signals.py; how each make of controller writes it is in signal_files.py.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.simulator.faults import NONE, FaultRates, draw
from pipelines.simulator.sent import Sent, flags, hit, lasting, named
from pipelines.simulator.signals import ADVANCE, BUTTON, LEFT, PED_CLEAR_S, WALK_S, Passed

GREEN, YELLOW, YELLOW_ENDS, RED_CLEAR, RED, WALK, PED_CLEAR, DONT_WALK = 1, 8, 9, 10, 11, 21, 22, 23
CALL, OFF, ON, PRESS = 45, 81, 82, 90
PULSE_S = 0.3


@dataclass(frozen=True)
class Logged:
    """A controller's day.

    Attributes:
        rows: tenth (of a second after the day's start), code, parameter, fault ("" for none), is_dropped, is_true (it happened).
        windows: of the detectors' and the log's bad stretches, by kind of fault: channel (0 for the whole log) -> (from, to).
    """

    rows: pl.DataFrame
    windows: dict[str, tuple[int, float, float]]


def logged(rng: np.random.Generator, passed: Passed, length_s: float, rates: FaultRates) -> Logged:
    """All events of a signal's day in the order in which they happen, with the stretches in which its devices are ill."""
    events = pl.concat([_phases(passed.greens), _detectors(passed.cars), _pedestrians(passed)])
    windows = _windows(rng, length_s, rates)
    rows = events.with_columns(fault=pl.lit(""), is_dropped=pl.lit(False), is_true=pl.lit(True))
    for kind, (channel, begin, end) in windows.items():
        hit = pl.col("tenth").is_between(begin * 10, end * 10, closed="left")
        if channel:
            hit &= pl.col("code").is_in([OFF, ON]) & (pl.col("parameter") == channel)
        if kind == "chatter":
            rows = pl.concat([rows, _chatter(rows.filter(hit & (pl.col("code") == ON)))])
        rows = rows.with_columns(
            fault=pl.when(hit & (pl.col("fault") == "")).then(pl.lit(kind)).otherwise("fault"),
            is_dropped=pl.col("is_dropped") | (hit & pl.lit(kind in ("drop_out", "stuck"))),
        )
    rows = rows.unique(["tenth", "code", "parameter"], keep="first", maintain_order=True)
    return Logged(rows.filter(pl.col("tenth") < length_s * 10).sort("tenth", maintain_order=True), windows)


def _events(frame: pl.DataFrame, at: str, code: int | pl.Expr, parameter: pl.Expr, later_s: float = 0.0) -> pl.DataFrame:
    return frame.select(
        tenth=((pl.col(at) + later_s) * 10).round().cast(pl.Int64),
        code=(pl.lit(code) if isinstance(code, int) else code).cast(pl.Int64),
        parameter=parameter.cast(pl.Int64),
    )


def _phases(greens: pl.DataFrame) -> pl.DataFrame:
    phase = pl.col("phase")
    told = (("green_s", GREEN), ("yellow_s", pl.col("terminated")), ("yellow_s", YELLOW), ("red_s", YELLOW_ENDS),
            ("red_s", RED_CLEAR), ("ends_s", RED))  # fmt: skip
    return pl.concat([_events(greens, at, code, phase) for at, code in told])


def _detectors(cars: pl.DataFrame) -> pl.DataFrame:
    bar, advance = pl.col("phase"), pl.col("phase") + ADVANCE
    through = cars.filter(~pl.col("phase").is_in(LEFT))
    return pl.concat(
        [
            _events(cars, "on_s", ON, bar),
            _events(cars, "off_s", OFF, bar),
            _events(through, "advance_s", ON, advance),
            _events(through, "advance_s", OFF, advance, PULSE_S),
        ]
    )


def _pedestrians(passed: Passed) -> pl.DataFrame:
    phase = pl.col("phase")
    return pl.concat(
        [
            _events(passed.presses, "press_s", PRESS, phase + BUTTON),
            _events(passed.walks, "first_press_s", CALL, phase),
            _events(passed.walks, "walk_s", WALK, phase),
            _events(passed.walks, "walk_s", PED_CLEAR, phase, WALK_S),
            _events(passed.walks, "walk_s", DONT_WALK, phase, WALK_S + PED_CLEAR_S),
        ]
    )


def _windows(rng: np.random.Generator, length_s: float, rates: FaultRates) -> dict[str, tuple[int, float, float]]:
    """Which stretches are bad: of the whole log, of a stop bar that says nothing, of an advance detector that chatters."""
    out = {}
    ill = (("drop_out", 0, rates.drop_out), ("stuck", 4, rates.stuck), ("chatter", 2 + ADVANCE, rates.chatter))
    for kind, channel, share in ill:
        begin, last = rng.uniform(0.3, 0.6) * length_s, rng.uniform(0.02, 0.05) * length_s
        if rng.random() < min(1.0, share * 10):
            out[kind] = (channel, round(begin, 1), round(begin + last, 1))
    return out


def _chatter(on: pl.DataFrame) -> pl.DataFrame:
    """Each car counted twice more: short pulses right after its own."""
    extra = [
        on.with_columns(pl.col("tenth") + 5 * k + offset, code=pl.lit(code, pl.Int64), is_true=pl.lit(False))
        for k in (1, 2)
        for offset, code in ((0, ON), (2, OFF))
    ]
    return pl.concat(extra)


def sent(rng: np.random.Generator, day: Logged, controller: dict, start: int, kinds: tuple[str, ...], rates: FaultRates) -> Sent:
    """A controller's day with the faults `kinds` on some rows; its `lines` are rows that signal_files writes."""
    rows = day.rows
    able = (rows["fault"] == "").to_numpy()
    chosen = np.where(able, draw(rng, rates, kinds, rows.height), NONE)
    destroys, rejected = flags(kinds, chosen)
    wire = rows.with_columns(
        controller_id=pl.lit(controller["controller_id"]),
        fault=pl.coalesce(named(kinds, chosen).cast(pl.String), "fault"),
        at_ms=start * 1000 + pl.col("tenth") * 100,
        received_s=start + pl.col("tenth") // 10 + pl.Series(lasting(rng, chosen, kinds)),
        is_rejected=rejected,
        is_destroyed=destroys | ~able,
        is_refined=~pl.Series(rejected) & ~rows["is_dropped"],
    )
    out = wire.filter(~pl.col("is_dropped"))
    again = out.filter(pl.col("fault") == "repeat")
    again = again.with_columns(pl.col("received_s") + rng.integers(60, 9000, again.height))
    books = Counter(taken=out.height + again.height, rejected=int(rejected.sum()), repeated=again.height)
    keys = wire.select(
        "controller_id", "code", "parameter", "is_destroyed", "is_refined",
        occurred_at=pl.from_epoch("at_ms", "ms").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        fault=pl.when(pl.col("fault") != "").then("fault"),
    )  # fmt: skip
    lines = pl.concat([out, again]).select("received_s", "controller_id", "at_ms", "code", "parameter", "fault")
    return Sent(lines, wire, keys, hit(wire), books)
