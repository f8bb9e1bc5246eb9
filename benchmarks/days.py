"""The lines of the table about a day: built against bare SQL, its gates, and the price of a long history.

The work is in building.py and history.py; here it is run in turn.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.contender import Contender
from benchmarks.result import Result, alone, compared

DAY_MINUTES = 1440


def against_sql(folder: Path, rows: int, rounds: int, tell: Callable[[str], None]) -> list[Result]:
    """Refine and measure a day, ours and bare SQL in turn in one process after a warm-up of both; gates apart."""
    ours, bare = [], []
    with Contender() as process:
        tell(f"a day of {rows:,} events: setting up")
        expected = process.call("building:set_up", folder / "day", rows).value * DAY_MINUTES
        for turn in range(rounds + 1):
            tell(f"a day of {rows:,} events, round {turn} of {rounds}")
            for name, found in (("ours", ours), ("bare", bare)) if turn % 2 else (("bare", bare), ("ours", ours)):
                answer = process.call(f"building:{name}", folder / "day").value
                if answer["rows"] != expected:
                    raise RuntimeError(f"{name} refined {answer['rows']} rows of {expected}: no comparison")
                if turn:
                    found.append(answer)
        tell("gates")
        process.call("building:gates", folder / "day")
        gates = process.call("building:gates", folder / "day").value
    shutil.rmtree(folder / "day")
    whole = [[a["refine"] + a["measure"] for a in found] for found in (ours, bare)]
    measured = [[a["measure"] for a in found] for found in (ours, bare)]
    day = f"a day of {rows:,} events"
    return [
        compared(f"refine and measure {day}", "s", *whole, "bare SQL on the same Parquet", "<= 1.5"),
        compared(f"of these, measure {day}", "s", *measured, "the same SQL, bare", "<= 1.5"),
        alone(f"gates of {day}", "s", gates),
    ]


def with_history(folder: Path, rows: int, days: int, rounds: int, tell: Callable[[str], None]) -> list[Result]:
    """Land, refine and measure one new day after another, in a lake of one day and in one of many, in turn."""
    sensors = max(1, rows // DAY_MINUTES)
    roots = {1: folder / "short", days: folder / "long"}
    seconds: dict[int, list[float]] = {n: [] for n in roots}
    with Contender() as process:
        for n, root in roots.items():
            tell(f"making a history of {n} days")
            if process.call("history:set_up", root, n, sensors).value != n:
                raise RuntimeError(f"the history of {n} days has gaps: no comparison")
        for turn in range(rounds + 1):
            tell(f"one more day, round {turn} of {rounds}")
            for n in sorted(roots, reverse=bool(turn % 2)):
                process.call("history:put", roots[n], turn + 1, rows, sensors)
                answer = process.call("history:take", roots[n])
                if answer.value != 1:
                    raise RuntimeError(f"{answer.value} days were refined instead of one: no comparison")
                if turn:
                    seconds[n].append(answer.seconds)
    for root in roots.values():
        shutil.rmtree(root)
    name = f"one more day of {rows:,} events after {days} days, landed to measured"
    return [compared(name, "s", seconds[days], seconds[1], "after 1 day", "<= 1.2")]
