"""What the lake's metrics should say of the signals, in the metrics' own columns: from cars and cycles, never from events.

A cell is a phase in a quarter of an hour; `damaged_n` of its `n` logged events were hit by a fault, or come right after one.
"""

import numpy as np
import polars as pl

from pipelines.simulator.signal_events import OFF, ON, PRESS
from pipelines.simulator.signals import ADVANCE, BUTTON, LEFT, Passed

BIN_S = 900
FULL_SHARE, UNIQUE_S = 0.8, 15.0
"""Packaged thresholds signal_split_failure_*_share and signal_ped_unique_s."""
CELL = ["phase", "bin"]


def tables(
    passed: Passed, wire: pl.DataFrame, controller: str, start: int, end: int, before: Passed | None = None
) -> dict[str, pl.DataFrame]:
    """The truth of one signal's day [start, end), epoch seconds, by metric.

    Args:
        wire: its log as `signal_events.sent` gives it, to tell which cells are damaged.
        before: the day before, where the log goes back to it: the light at `start` is known, and its last red is not over.
    """
    length = end - start
    damage = _damage(wire)
    phases = damage["phase"].unique().sort().to_list()
    grid = pl.DataFrame({"phase": phases}).join(pl.DataFrame({"bin": np.arange(length // BIN_S)}), how="cross")
    by_phase = {
        "signal_arrivals_on_green": _arrivals(passed, before is not None),
        "signal_split_failures": _failures(passed, before),
        "signal_terminations": _terminations(passed),
        "signal_ped_delay": _pedestrians(passed),
    }
    out = {}
    for name, cells in by_phase.items():
        of = grid.filter(pl.col("phase").is_in(cells["phase"].unique().to_list()))
        filled = of.join(cells, on=CELL, how="left", maintain_order="left")
        counts = [c for c in filled.columns if c not in CELL and not c.endswith(("_share", "mean_wait_s", "mean_green_s"))]
        filled = filled.with_columns(pl.col(counts).fill_null(0))
        out[name] = _placed(filled.join(damage, on=CELL, how="left", maintain_order="left"), controller, start)
    out["signal_actuations"] = _placed(_actuations(passed, damage, grid), controller, start, "detector")
    return out


def _placed(cells: pl.DataFrame, controller: str, start: int, key: str = "phase") -> pl.DataFrame:
    at = pl.from_epoch(start + pl.col("bin") * BIN_S, "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    known = cells.with_columns(pl.col("n").fill_null(1), pl.col("damaged_n").fill_null(0), bin_at=at)
    return known.select(pl.lit(controller).alias("controller_id"), key, "bin_at", pl.all().exclude(key, "phase", "bin", "bin_at"))


def _bin(at: str) -> pl.Expr:
    # tenths: the float 899.99999 stands for 900
    return (((pl.col(at) * 10).round().cast(pl.Int64)) // (BIN_S * 10)).alias("bin")


def _damage(wire: pl.DataFrame) -> pl.DataFrame:
    """Events and hit events by phase and bin; what is lost in one bin is felt in the next one, too."""
    number, code = pl.col("parameter"), pl.col("code")
    phase = (
        pl.when(code.is_in([OFF, ON]) & (number > ADVANCE)).then(number - ADVANCE)
        .when(code == PRESS).then(number - BUTTON).otherwise(number)
    )  # fmt: skip
    cells = wire.group_by(phase.alias("phase"), (pl.col("tenth") // (BIN_S * 10)).alias("bin")).agg(
        n=pl.len(), hit=pl.col("is_destroyed").sum()
    )
    after = cells.select("phase", pl.col("bin") + 1, before=pl.col("hit"))
    cells = cells.join(after, on=CELL, how="left", maintain_order="left")
    return cells.select(*CELL, "n", damaged_n=pl.min_horizontal("n", pl.col("hit") + pl.col("before").fill_null(0))).sort(CELL)


def _actuations(passed: Passed, damage: pl.DataFrame, grid: pl.DataFrame) -> pl.DataFrame:
    bar = passed.cars.group_by("phase", _bin("on_s")).agg(actuations=pl.len()).with_columns(detector=pl.col("phase"))
    through = passed.cars.filter(~pl.col("phase").is_in(LEFT))
    advance = through.group_by("phase", _bin("advance_s")).agg(actuations=pl.len())
    seen = pl.concat([bar, advance.with_columns(detector=pl.col("phase") + ADVANCE)])
    every = grid.join(seen.select("phase", "detector").unique().sort("detector"), on="phase", how="inner", maintain_order="left")
    cells = every.join(seen, on=["phase", "detector", "bin"], how="left", maintain_order="left")
    cells = cells.join(damage, on=CELL, how="left", maintain_order="left").with_columns(pl.col("actuations").fill_null(0))
    return cells.with_columns(actuations_per_h=pl.col("actuations") * 3600 / BIN_S)


def _arrivals(passed: Passed, light_known: bool) -> pl.DataFrame:
    """Cars at the stop bar, were nobody waiting, by the light they met."""
    through = passed.cars.filter(~pl.col("phase").is_in(LEFT)).sort("bar_s")
    green = passed.greens.select("phase", "green_s", "yellow_s", "red_s").sort("green_s")
    met = through.join_asof(green, left_on="bar_s", right_on="green_s", by="phase", strategy="backward", check_sortedness=False)
    is_green, is_red = pl.col("bar_s") < pl.col("yellow_s"), pl.col("bar_s") >= pl.col("red_s")
    is_known = pl.col("green_s").is_not_null() | pl.lit(light_known)
    return met.group_by("phase", _bin("bar_s")).agg(
        arrivals=pl.len(),
        green_arrivals=is_green.fill_null(False).sum(),
        yellow_arrivals=(~is_green & ~is_red).fill_null(False).sum(),
        red_arrivals=(is_red.fill_null(True) & is_known).sum(),
        known_arrivals=is_known.sum(),
        arrivals_on_green_share=is_green.fill_null(False).sum() / pl.when(is_known.sum() > 0).then(is_known.sum()),
    )


def _failures(passed: Passed, before: Passed | None) -> pl.DataFrame:
    """Cycles by what stood at the stop bar; each counts when the first five seconds of its red are over."""
    greens = passed.greens
    if before is not None:  # the last cycle of the day before may be over on this one
        times = ("green_s", "yellow_s", "red_s", "ends_s")
        last = before.greens.with_columns(pl.col(t) - before.length_s for t in times).filter(pl.col("red_s") + 5.0 >= 0)
        greens = pl.concat([last, greens])
    cycles = greens.with_columns(
        over_s=pl.col("red_s") + 5.0,
        green=pl.col("green_occupied_s") / (pl.col("yellow_s") - pl.col("green_s")),
        red=pl.col("red_occupied_s") / 5.0,
    )
    failed = (pl.col("green") >= FULL_SHARE - 1e-9) & (pl.col("red") >= FULL_SHARE - 1e-9)
    return cycles.group_by("phase", _bin("over_s")).agg(
        cycles=pl.len(),
        split_failures=failed.sum(),
        green_s=(pl.col("yellow_s") - pl.col("green_s")).sum(),
        split_failure_share=failed.mean(),
        mean_green_s=(pl.col("yellow_s") - pl.col("green_s")).mean(),
        green_occupancy_sum_share=pl.col("green").sum(),
        red_occupancy_sum_share=pl.col("red").sum(),
    )


def _terminations(passed: Passed) -> pl.DataFrame:
    begun = passed.greens.group_by("phase", _bin("green_s")).agg(greens=pl.len())
    named = {"gap_outs": 4, "max_outs": 5, "force_offs": 6}
    ended = passed.greens.group_by("phase", _bin("yellow_s")).agg(
        *((pl.col("terminated") == code).sum().alias(name) for name, code in named.items()), terminations=pl.len()
    )
    cells = begun.join(ended, on=CELL, how="full", coalesce=True)
    return cells.with_columns((pl.col(name) / pl.col("terminations")).alias(f"{name[:-1]}_share") for name in named)


def _pedestrians(passed: Passed) -> pl.DataFrame:
    presses = passed.presses.sort("phase", "press_s").with_columns(
        is_unique=((pl.col("press_s") - pl.col("press_s").shift().over("phase")).round(1) > UNIQUE_S).fill_null(True)
    )
    wait = pl.col("walk_s") - pl.col("first_press_s")
    pressed = presses.group_by("phase", _bin("press_s")).agg(presses=pl.len(), unique_presses=pl.col("is_unique").sum())
    called = passed.walks.group_by("phase", _bin("first_press_s")).agg(calls=pl.len())
    walked = passed.walks.group_by("phase", _bin("walk_s")).agg(
        walks=pl.len(), waits=pl.len(), wait_s=wait.sum(), mean_wait_s=wait.mean()
    )
    cells = pressed.join(called, on=CELL, how="full", coalesce=True)
    return cells.join(walked, on=CELL, how="full", coalesce=True)
