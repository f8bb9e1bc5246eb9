"""What is known of each live source while it runs: counts, lags, state, last words.

Written by the stream, read by whoever shows it; nothing is drawn here. One desk per source, all in this process.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from pipelines.live import clock

State = Literal["starting", "running", "waiting", "draining", "stopped"]
REMEMBERED = 600
"""Commits of which the times are kept, for rates and percentiles."""


@dataclass(frozen=True)
class Committed:
    """One commit: what became readable, and how long it took to get there.

    Attributes:
        uris: the Parquet files of raw rows that became visible; by their day.
        raw_rows: rows in them.
        first_received_us: when the broker received the batch's first message.
        event_us: the middle one of the kept rows' event times; None where none was kept.
        at_us: when the commit was done, epoch microseconds.
        seconds: from closing the batch to the commit.
    """

    feed: str
    source: str
    uris: tuple[str, ...]
    days: tuple[str, ...]
    messages: int
    bytes: int
    taken: int
    kept: int
    rejected: int
    late: int
    first_received_us: int
    event_us: int | None
    at_us: int
    seconds: float


@dataclass(frozen=True)
class Seen:
    """A snapshot of one desk.

    Attributes:
        origin: the broker and topic, without secrets.
        state: waiting means that the broker, the disk or the store is away and is being tried again.
        says: the last thing that went wrong, in a few words; "" when all is well.
        behind: messages waiting at the broker; None where it does not tell.
        source_lag_s: age of the oldest message that is not yet in the lake; 0 where none waits.
        event_lag_s: now minus the middle event time of the last batch with rows; None before the first.
        events_per_s: taken rows a second over the last 10 s.
    """

    feed: str
    name: str
    origin: str
    state: State = "starting"
    says: str = ""
    is_connected: bool = False
    messages: int = 0
    bytes: int = 0
    taken: int = 0
    kept: int = 0
    rejected: int = 0
    late: int = 0
    commits: int = 0
    restarts: int = 0
    behind: int | None = None
    source_lag_s: float = 0.0
    event_lag_s: float | None = None
    events_per_s: float = 0.0
    commit_p50_s: float | None = None
    commit_p99_s: float | None = None
    last_commit_at: datetime | None = None


@dataclass
class Desk:
    """One source's desk. Safe to use from several threads.

    Attributes:
        drain: set when the source shall commit what it holds, and end.
        on_commit: hears every commit, in the thread that made it: it must be quick.
        oldest_us: when the oldest message that is not in the lake yet was received.
        trouble: why the source was started again, until the next commit.
        overtaken: batches that did not land, because another process landed their messages first.
    """

    feed: str
    name: str
    origin: str = ""
    drain: threading.Event = field(default_factory=threading.Event)
    on_commit: Callable[[Committed], None] | None = None
    oldest_us: int | None = None
    trouble: str = ""
    overtaken: set[int] = field(default_factory=set)
    _now: Seen = field(init=False)
    _recent: deque[Committed] = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._now = Seen(self.feed, self.name, self.origin)
        self._recent = deque(maxlen=REMEMBERED)

    def tell(self, **changes: object) -> None:
        """Change what is known: state, says, is_connected, behind, source_lag_s, restarts."""
        with self._lock:
            self._now = replace(self._now, **changes)  # type: ignore[arg-type]

    def book(self, done: Committed) -> None:
        """Count a commit."""
        with self._lock:
            now, self.trouble = self._now, ""
            self._recent.append(done)
            self._now = replace(
                now,
                messages=now.messages + done.messages,
                bytes=now.bytes + done.bytes,
                taken=now.taken + done.taken,
                kept=now.kept + done.kept,
                rejected=now.rejected + done.rejected,
                late=now.late + done.late,
                commits=now.commits + 1,
                last_commit_at=datetime.fromtimestamp(done.at_us / 1e6).astimezone(),
            )
        if self.on_commit:
            self.on_commit(done)

    def restarted(self, says: str) -> None:
        """The source is being tried again, and why."""
        with self._lock:
            self.trouble = says
            self._now = replace(self._now, state="waiting", restarts=self._now.restarts + 1)

    def seen(self) -> Seen:
        """What is known now."""
        with self._lock:
            now, recent = self._now, list(self._recent)
        at_us = clock.now_us()
        lately = [c for c in recent if at_us - c.at_us < 10e6]
        span_s = min(10.0, (at_us - (recent[0].at_us - recent[0].seconds * 1e6)) / 1e6) if recent else 1.0
        took = sorted(c.seconds for c in recent)
        events = [c.event_us for c in recent if c.event_us is not None]
        return replace(
            now,
            says=self.trouble or now.says or clock.CLOCK.says,
            source_lag_s=max((at_us - self.oldest_us) / 1e6, 0.0) if self.oldest_us is not None else 0.0,
            events_per_s=sum(c.taken for c in lately) / max(span_s, 1.0),
            event_lag_s=max((at_us - events[-1]) / 1e6, 0.0) if events else None,
            commit_p50_s=took[len(took) // 2] if took else None,
            commit_p99_s=took[min(len(took) - 1, len(took) * 99 // 100)] if took else None,
        )


_desks: dict[str, Desk] = {}


def at(place: str) -> Desk:
    """The desk of a source, "feed/name", in this process; a new one where nobody put one up."""
    if place not in _desks:
        feed, _, name = place.partition("/")
        _desks[place] = Desk(feed, name)
    return _desks[place]


def put_up(place: str, desk: Desk) -> None:
    """Put up a desk; it takes the place of an earlier one."""
    _desks[place] = desk
