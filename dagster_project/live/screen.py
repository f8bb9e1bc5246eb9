"""A stream on a terminal: the sources as a table, what is wrong with them, and the last alerts. Lines for logs are `lines`.

Columns for which the terminal is too narrow are left out, the least telling first.
"""

import os
from collections import deque
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dagster_project.cli.terminal import clean, console, size
from dagster_project.live.lines import span
from dagster_project.live.moment import Alarm, Happened, Moment
from pipelines.live.desk import Seen

STATES = {"starting": "cyan", "running": "green", "waiting": "yellow", "draining": "cyan", "stopped": "dim"}
SEVERITIES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}
BARS = " ▁▂▃▄▅▆▇█"
TREND = 12
"""Seconds of the little curve of events a second."""

GAP = 2
NAME_MOST, RULE_MOST = 34, 20
WIDE = 110
# heading, priority (1 is the last to go), least width
COLUMNS: tuple[tuple[str, int, int], ...] = (
    ("source", 1, 12),
    ("state", 2, 9),
    ("trend", 12, TREND),
    ("events\nper s", 3, 7),
    ("kept", 4, 8),
    ("rejected", 5, 8),
    ("lag", 6, 6),
    ("event\nlag", 7, 6),
    ("behind", 9, 6),
    ("commits", 10, 7),
    ("commit\np50", 11, 6),
    ("commit\np99", 8, 6),
    ("restarts", 13, 8),
)


class Screen:
    """A `View` that redraws itself in place, on stderr."""

    def __init__(self, screen: Console | None = None) -> None:
        self._console = screen or console(stderr=True)
        self._trends: dict[str, deque[float]] = {}
        self._sampled_s = -1.0
        self._live: Live | None = None

    def show(self, moment: Moment) -> None:
        """Draw it."""
        drawn = self.frame(moment)
        if self._live is None:
            self._live = Live(drawn, console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
            self._live.start()
        self._live.update(drawn, refresh=True)

    def frame(self, moment: Moment) -> "Frame":
        """The moment as it is drawn; remembers the rates of the last seconds."""
        if moment.elapsed_s - self._sampled_s >= 1:
            self._sampled_s = moment.elapsed_s
            for s in moment.sources:
                self._trends.setdefault(_place(s), deque(maxlen=TREND)).append(s.events_per_s)
        return Frame(moment, {place: tuple(rates) for place, rates in self._trends.items()})

    def tell(self, events: list[Happened], alarms: list[Alarm]) -> None:  # noqa: ARG002
        """Write what went wrong above the table, where it stays; alerts are in the table below it."""
        for event in events:
            style = "yellow" if event.is_bad else "dim"
            # above a running Live, Rich moves the table down by itself
            line = clean(f"{event.place}: {event.what}", self._console.width - 10)
            self._console.print(Text(f"{event.at:%H:%M:%S}  {line}", style=style, no_wrap=True, overflow="ellipsis"))

    def close(self) -> None:
        """Leave the last frame standing and give the cursor back."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class Frame:
    """One drawn moment; fits whatever width it is given."""

    def __init__(self, moment: Moment, trends: dict[str, tuple[float, ...]]) -> None:
        self._moment, self._trends = moment, trends
        self._is_over = moment.is_draining and all(s.state == "stopped" for s in moment.sources)

    def __rich_console__(self, screen: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        parts: list[RenderableType] = [self._title(width), Text(), self._sources(width)]
        troubled = [s for s in self._moment.sources if s.says]
        parts += [self._trouble(s, width) for s in troubled]
        # what is above and below the alerts; they take what is left of the terminal
        used = len(self._moment.sources) + len(troubled) + 9
        parts += [Text(), self._alarms(width, max(1, min(8, screen.height - used))), Text(), self._foot(width)]
        yield Group(*parts)

    def _title(self, width: int) -> Text:
        m = self._moment
        seconds = int(m.elapsed_s)
        state, style = ("streaming", "bold green")
        if m.is_draining:
            state, style = ("drained", "bold cyan") if self._is_over else ("draining", "bold yellow")
        line = Text.assemble((clean(m.title, 40), "bold"))
        line.append(f"  {state}", style=style)
        line.append(f"  {seconds // 3600:d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}", style="dim")
        return _cut(line, width)

    def _sources(self, width: int) -> Table:
        rows = [self._cells(s) for s in self._moment.sources]
        widths = {n: max([least, *map(len, n.split("\n")), *(r[n].cell_len for r in rows)]) for n, _, least in COLUMNS}
        shown, used = {"source"}, widths["source"]
        for name, _, _ in sorted(COLUMNS, key=lambda c: c[1])[1:]:
            if used + GAP + widths[name] > width:
                # a narrower column of less weight would stand there without its betters
                break
            shown.add(name)
            used += GAP + widths[name]
        table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
        for name, _, _ in COLUMNS:
            if name in shown:
                left = name in ("source", "state", "trend")
                table.add_column(
                    "" if name == "trend" else name,
                    justify="left" if left else "right",
                    width=min(widths[name], width),
                    no_wrap=True,
                    overflow="ellipsis",
                )
        for row in rows:
            table.add_row(*(row[n] for n, _, _ in COLUMNS if n in shown))
        return table

    def _cells(self, s: Seen) -> dict[str, Text]:
        late = "yellow" if s.source_lag_s > 10 else ""
        behind = "-" if s.behind is None else f"{s.behind:,}"
        return {
            "source": Text(clean(_place(s), NAME_MOST), style="bold"),
            "state": Text(f"● {s.state}", style=STATES[s.state]),
            "trend": Text(_curve(self._trends.get(_place(s), ())), style="cyan"),
            "events\nper s": Text(f"{s.events_per_s:,.0f}"),
            "kept": Text(f"{s.kept:,}"),
            "rejected": Text(f"{s.rejected:,}", style="" if s.rejected else "dim"),
            "lag": Text(span(s.source_lag_s), style=late),
            "event\nlag": Text(span(s.event_lag_s)),
            "behind": Text(behind),
            "commits": Text(f"{s.commits:,}"),
            "commit\np50": Text(span(s.commit_p50_s)),
            "commit\np99": Text(span(s.commit_p99_s)),
            "restarts": Text(f"{s.restarts:,}", style="yellow" if s.restarts else "dim"),
        }

    @staticmethod
    def _trouble(s: Seen, width: int) -> Text:
        return _cut(Text(f"  {_place(s)}: {clean(s.says)}", style="yellow"), width)

    def _alarms(self, width: int, most: int) -> RenderableType:
        m = self._moment
        head = Text.assemble(("Alerts", "bold"))
        head.append(f"  {m.raised:,} raised" if m.raised else "  none so far", style="dim")
        if m.alerts_say:
            head.append(f"  {clean(m.alerts_say)}", style="yellow")
        head = _cut(head, width)
        shown = m.alarms[:most]
        if not shown:
            return head
        rule = max(len(clean(a.rule, RULE_MOST)) for a in shown)
        place = min(max(len(clean(a.place)) for a in shown), max(10, width // 5))
        # a sentence that names the place needs no column for it
        has_place = width >= WIDE or any(a.place not in a.says for a in shown)
        lines = []
        for a in shown:
            line = Text.assemble((f"{a.at.astimezone():%H:%M:%S}  ", "dim"))
            if a.is_open:
                line.append(f"{clean(a.severity, 8):<8}", style=SEVERITIES.get(a.severity, "cyan"))
            else:
                line.append(f"{'closed':<8}", style="dim green")
            line.append(f"  {clean(a.rule, RULE_MOST):<{rule}}", style="bold" if a.is_open else "dim")
            if has_place:
                line.append(f"  {clean(a.place, place):<{place}}", style="" if a.is_open else "dim")
            line.append(f"  {clean(a.says)}", style="dim")
            lines.append(_cut(line, width))
        return Group(head, *lines)

    def _foot(self, width: int) -> Text:
        m = self._moment
        kept, commits = sum(s.kept for s in m.sources), sum(s.commits for s in m.sources)
        parts = [f"{kept:,} rows landed", f"{sum(s.events_per_s for s in m.sources):,.0f}/s", f"{commits:,} commits"]
        parts += [size(held)] if (held := memory_bytes()) else []
        hint = "once more ends at once" if m.is_draining else "Ctrl-C drains and stops"
        parts += [] if self._is_over else [hint, f"{m.url}/metrics"]
        line = Text(style="dim")
        for part in parts:
            if line.cell_len + 3 + len(part) <= width:
                line.append(("   " if line.cell_len else "") + part)
        return line


def _place(s: Seen) -> str:
    return clean(f"{s.feed}.{s.name}")


def _cut(line: Text, width: int) -> Text:
    line.no_wrap = True
    line.truncate(width, overflow="ellipsis")
    return line


def _curve(rates: tuple[float, ...]) -> str:
    """Rates as bars of an eighth of a line; the highest of them fills it."""
    top = max(rates, default=0.0)
    if top <= 0:
        return ""
    return "".join(BARS[round(r / top * (len(BARS) - 1))] for r in rates).rjust(TREND)


def memory_bytes() -> int:
    """Memory that this process has in RAM; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
