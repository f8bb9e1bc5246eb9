"""What there is to show of a running stream at one moment, and what changed since the one before.

How it looks is said by the views.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pipelines.live.desk import Seen


@dataclass(frozen=True)
class Alarm:
    """An alert as a view shows it.

    Attributes:
        key: names the alert and its state; a view tells each once.
        is_open: False once what raised it has passed.
        says: what was found, in a few words.
    """

    key: str
    at: datetime
    is_open: bool
    severity: str
    rule: str
    place: str
    says: str


@dataclass(frozen=True)
class Moment:
    """All that a view is given.

    Attributes:
        alarms: the latest, newest first.
        raised: alerts raised since the start.
        alerts_say: what is wrong with the watching itself; "" when all is well.
        title: whose stream it is, such as the city's name.
        url: of /metrics and /healthz.
    """

    at: datetime
    elapsed_s: float
    title: str
    url: str
    sources: tuple[Seen, ...]
    alarms: tuple[Alarm, ...] = ()
    raised: int = 0
    alerts_say: str = ""
    is_draining: bool = False


@dataclass(frozen=True)
class Happened:
    """Something worth a line of its own."""

    at: datetime
    feed: str
    source: str
    what: str
    is_bad: bool = False

    @property
    def place(self) -> str:
        """Feed and source; or who else it happened to."""
        return ".".join(part for part in (self.feed, self.source) if part)


class View(Protocol):
    """Shows moments as they come."""

    def show(self, moment: Moment) -> None:
        """Show how it stands now."""
        ...

    def tell(self, events: list[Happened], alarms: list[Alarm]) -> None:
        """Tell what happened since the last moment."""
        ...

    def close(self) -> None:
        """Give the terminal back."""
        ...


def happened(before: Moment | None, now: Moment) -> list[Happened]:
    """What changed at the sources between two moments, in their order."""
    known = {(s.feed, s.name): s for s in before.sources} if before else {}
    out = []
    for seen in now.sources:
        was = known.get((seen.feed, seen.name), Seen(seen.feed, seen.name, seen.origin))
        tried = seen.restarts - was.restarts
        what = []
        if seen.says and (seen.says != was.says or tried):
            what.append((seen.says, True))
        if tried:
            what.append(("restarted" if tried == 1 else f"restarted {tried} times", True))
        if seen.state != was.state:
            # that a source connects when it begins goes without saying; that it cannot, it says itself
            is_news = seen.state != "waiting" or was.state == "running"
            again = " again" if seen.state == "running" and (seen.commits or seen.restarts) else ""
            what += [(f"{seen.state}{again}", seen.state == "waiting")] if is_news else []
        elif was.says and not seen.says and seen.state == "running":
            what.append(("all is well again", False))
        out += [Happened(now.at, seen.feed, seen.name, text, is_bad) for text, is_bad in what]
    if now.alerts_say and now.alerts_say != (before.alerts_say if before else ""):
        out.append(Happened(now.at, "alerts", "", now.alerts_say, True))
    return out


def sounded(before: Moment | None, now: Moment) -> list[Alarm]:
    """Alarms that were not there before, oldest first."""
    known = {a.key for a in before.alarms} if before else set()
    return [a for a in reversed(now.alarms) if a.key not in known]
