"""A line of the results: what was measured, what was hoped for, and whether it came so; and how they are shown.

Nothing is measured here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Result:
    """One comparison. `aim` bounds `ratio`, such as ">= 0.8"; met is None where there is no aim, or nothing was measured."""

    name: str
    unit: str
    ours: float | None
    peer: float | None
    peer_name: str | None
    ratio: float | None
    aim: str | None
    met: bool | None


def compared(name: str, unit: str, ours: Sequence[float], peer: Sequence[float], peer_name: str, aim: str | None) -> Result:
    """Paired measurements of two contenders: medians of each, and the median of the pairs' ratios."""
    ratio = median(a / b for a, b in zip(ours, peer, strict=True))
    return Result(name, unit, median(ours), median(peer), peer_name, ratio, aim, keeps(ratio, aim) if aim else None)


def alone(name: str, unit: str, ours: float) -> Result:
    """A measurement nothing is compared with."""
    return Result(name, unit, ours, None, None, None, None, None)


def skipped(name: str, unit: str, peer_name: str, aim: str, why: str) -> Result:
    """A comparison that could not be made here."""
    return Result(f"{name}: skipped, {why}", unit, None, None, peer_name, None, aim, None)


def keeps(ratio: float, aim: str) -> bool:
    """Whether a ratio keeps an aim such as ">= 0.8"."""
    side, bound = aim.split()
    return ratio >= float(bound) if side == ">=" else ratio <= float(bound)


def write(measured: Mapping[str, Sequence[Result]], path: Path) -> None:
    """Write the results of some parts as JSON; what was measured of the others before stays."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept |= {part: [asdict(r) for r in results] for part, results in measured.items()}
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def show(results: Sequence[Result], notes: Sequence[str]) -> None:
    """Print the results as a table, with how they were measured below."""
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "unit", "ours", "peer", "peer is", "ratio", "aim", "met", box=None, pad_edge=False)
    for column in table.columns[2:4]:
        column.justify = "right"
    for r in results:
        ratio = "" if r.ratio is None else f"{r.ratio:.2f}"
        met = "" if r.met is None else "yes" if r.met else "NO"
        table.add_row(r.name, r.unit, _number(r.ours), _number(r.peer), r.peer_name or "", ratio, r.aim or "", met)
    console = Console(width=140)
    console.print(table)
    for note in notes:
        console.print(note, style="dim")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
