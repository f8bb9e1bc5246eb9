"""What a terminal shows: tables that fit it, JSON, progress bars and errors in one form.

What is shown is chosen by the commands. Results go to stdout; everything said about them to stderr.
"""

import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

PIPED_WIDTH = 160
GAP = 3
LONGEST = 10_000
EXPRESSION_LONGEST = 40


def console(stderr: bool = False) -> "Console":
    """The terminal, or a pipe of a fixed width. Colours follow NO_COLOR and the terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else int(shutil.get_terminal_size((PIPED_WIDTH, 24)).columns)
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def say(text: str = "") -> None:
    """A line about the work, to stderr."""
    console(stderr=True).print(text)


def complain(error: Exception) -> None:
    """Print an error as `error: where: found; remedy.`; of one nobody foresaw, its kind and text."""
    from rich.text import Text

    from schemas.errors import CitylakeError

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, CitylakeError):
        cause = cause.__cause__ or cause.__context__
    text = str(cause) if cause else _unforeseen(error)
    line = Text("error: ", style="bold red")
    line.append(clean(text), style="default")
    console(stderr=True).print(line, soft_wrap=True)


def _unforeseen(error: Exception) -> str:
    text = " ".join(str(error).split())[:500] or "no more is known"
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or text}; check the place and the space on its disk."
    return f"citylake: {type(error).__name__}: {text}; run it again with --debug and report what it prints."


def print_json(value: Any) -> None:
    """Print a value as JSON: instants and days in ISO form, numbers that are not finite as null."""
    sys.stdout.write(as_json(value) + "\n")


def as_json(value: Any) -> str:
    """The text that `print_json` prints."""
    return json.dumps(_plain(value), indent=1, ensure_ascii=False, default=_iso)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _iso(value: Any) -> str:
    return str(value.isoformat() if isinstance(value, (date, datetime)) else value)


def cell(value: Any) -> str:
    """A value as a person reads it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}{'' if value.second == 0 else f':{value:%S}'}{'Z' if value.tzinfo else ''}"
    return clean(str(value))


def clean(text: str, longest: int | None = None) -> str:
    """Text from outside in one line, with what could steer a terminal written out, and cut to `longest` characters."""
    line = " ".join(text[:LONGEST].split())
    if not line.isprintable():
        line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return line[: longest - 3] + "..." if longest and len(line) > longest else line


def near(path: Any) -> str:
    """A path as it is reached from here."""
    here = os.path.relpath(path)
    return str(path) if here.startswith("..") else here


def size(count: float) -> str:
    """Bytes in the unit that suits them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def heading(name: str, longest: int = 10) -> str:
    """A column's name, broken at the underscore that makes it narrowest; an expression that has no name is cut."""
    if len(name) <= longest or "_" not in name.strip("_") or not name.isidentifier():
        return clean(name, EXPRESSION_LONGEST)
    words = name.split("_")
    cuts = [("_".join(words[:i]) + "_", "_".join(words[i:])) for i in range(1, len(words))]
    return "\n".join(min(cuts, key=lambda c: max(map(len, c))))


def print_table(
    rows: Sequence[dict[str, Any]],
    columns: Sequence[str] | None = None,
    title: str = "",
    marks: Callable[[dict[str, Any]], str] | None = None,
    wrap: Sequence[str] = (),
    clip: str = "",
    units: Mapping[str, str] | None = None,
    right: Collection[str] = (),
) -> list[str]:
    """Print rows as a table; columns for which the terminal is too narrow are left out, and returned.

    Args:
        marks: the Rich style of a row.
        wrap: columns of prose, which may take several lines.
        clip: a column that is cut to the room that the others leave.
        units: of columns, shown beneath their names.
        right: columns of numbers that come as texts; those that come as numbers are known.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    screen = console()
    names = list(columns or (rows[0] if rows else ()))
    texts = {n: [cell(r.get(n)) for r in rows] for n in names}
    if clip:
        room = screen.width - sum(_width(heading(n), texts[n]) + GAP for n in names if n != clip)
        texts[clip] = [clean(t, max(room, 12)) for t in texts[clip]]
    heads = _heads(names, units or {})
    shown = names if wrap else _fitting(names, texts, heads, screen.width)
    if units and not any(n in units for n in shown):
        units, heads = None, _heads(names, {})
    plain: dict[str, Any] = {"padding": (0, 1), "pad_edge": False, "show_edge": False}
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", **plain)
    for name in shown:
        number = name in right or any(isinstance(r.get(name), (int, float)) and not isinstance(r.get(name), bool) for r in rows)
        # a date or an identifier broken in two lines is hard to read; prose is not
        how: dict[str, Any] = {"overflow": "fold", "min_width": 12} if name in wrap else {"no_wrap": True, "overflow": "ellipsis"}
        head = Text(heads[name])
        if units and name in units:
            head.stylize("not bold dim", len(heads[name]) - len(units[name]))
        table.add_column(head, justify="right" if number else "left", vertical="top", **how)
    for place, row in enumerate(rows):
        table.add_row(*(Text(texts[n][place]) for n in shown), style=marks(row) if marks else None)
    screen.print(table)
    screen.print()
    return [n for n in names if n not in shown]


def fits(names: Sequence[str], rows: Sequence[Mapping[str, str]], units: Mapping[str, str]) -> bool:
    """Whether a table of texts has room for all its columns."""
    texts = {n: [r[n] for r in rows] for n in names}
    return len(_fitting(names, texts, _heads(names, units), console().width)) == len(names)


def _heads(names: Sequence[str], units: Mapping[str, str]) -> dict[str, str]:
    """What stands over the columns; names stay on one line where others have a unit beneath."""
    return {n: heading(n) + (f"\n{units.get(n, ' ')}" if units else "") for n in names}


def _fitting(names: Sequence[str], texts: Mapping[str, list[str]], heads: Mapping[str, str], width: int) -> list[str]:
    shown: list[str] = []
    used = 0
    for name in names:
        widest = _width(heads[name], texts[name])
        if shown and used + widest > width:
            continue
        shown.append(name)
        used += widest + GAP
    return shown


def _width(head: str, texts: Sequence[str]) -> int:
    return max(map(len, [*head.split("\n"), *texts]))


class Bars:
    """Progress bars on stderr, gone when done; a `dagster_project.way.Watch`.

    Attributes:
        seconds: how long the tasks took, by the first word of their title.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """Open a bar of `total` units; of none, or without a terminal, nothing is shown."""
        began = time.perf_counter()
        try:
            if total and sys.stderr.isatty():
                with _progress() as progress:
                    bar = progress.add_task(title, total=total)
                    yield lambda done: progress.advance(bar, done)
            else:
                yield lambda _: None
        finally:
            verb = title.split(maxsplit=1)[0]
            self.seconds[verb] = self.seconds.get(verb, 0.0) + time.perf_counter() - began


def _progress() -> Any:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    parts = (SpinnerColumn(), TextColumn("{task.description:<44}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    return Progress(*parts, console=console(stderr=True), transient=True)
