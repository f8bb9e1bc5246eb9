"""A live city from the first message to the last commit: broker, publisher and stream, brought up and down in order.

What the city sends is pipelines.simulator; what is compared at the end is its `live_reckoning`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.live.moment import Alarm, Happened, Moment, View
from dagster_project.live.session import Session
from pipelines.live.desk import Committed
from schemas.errors import CitylakeError, SourceError

if TYPE_CHECKING:
    from pipelines.simulator.live_publisher import Plan, Publisher

CONNECTED_WITHIN_S, LANDED_WITHIN_S = 60.0, 120.0
LATE_S = 2.0
"""A message that is published later than this after its time is worth a word."""
KEPT_BYTES = 4 << 30
"""What the broker keeps of the stream: an hour and more at city pace, long after it was landed."""


@dataclass
class Play:
    """The publisher beside a stream: begins when every source is connected, ends when it was told to and all is landed.

    Attributes:
        seconds: how long to publish; None for until `asked`.
        committed_us: feed -> when each of its commits was done.
        failed: what went wrong with the publisher, for the caller to raise once the stream is drained.
    """

    plan: "Plan"
    seconds: float | None
    asked: Callable[[], bool]
    committed_us: dict[str, list[int]] = field(default_factory=dict)
    failed: CitylakeError | None = None
    publisher: "Publisher | None" = None
    _step: str = "connecting"
    _since_s: float = field(default_factory=time.monotonic)
    _ending: threading.Thread | None = None

    def note(self, done: Committed) -> None:
        """Remember when rows became readable."""
        self.committed_us.setdefault(done.feed, []).append(done.at_us)

    def is_over(self, session: Session) -> bool:
        """Go on to the next step when it is time; whether there is none left. Called several times a second."""
        passed_s = time.monotonic() - self._since_s
        if self._step == "connecting":
            if self.asked():
                return True
            away = [s for s in session.seen() if s.state != "running" or not s.is_connected]
            if not away:
                self._begin()
            elif passed_s > CONNECTED_WITHIN_S:
                why = "; ".join(f"{s.feed}.{s.name} is {s.state} {s.says}".strip() for s in away)
                self.failed = SourceError("the live city", why, "run it again; --folder names another place")
                return True
        elif self._step == "publishing":
            assert self.publisher
            if not self.publisher.messages:
                # the seconds count from the first message: the process has to come up
                self._next("publishing")
            if self.asked() or not self.publisher.is_running or (self.seconds is not None and passed_s > self.seconds):
                self._end()
        elif self._step == "ending":
            assert self._ending
            if not self._ending.is_alive():
                self._next("landing")
        elif self._step == "landing":
            assert self.publisher
            seen = session.seen()
            missing = self.publisher.lines - sum(s.taken for s in seen)
            is_quiet = not any(s.behind or s.source_lag_s for s in seen)
            return (missing <= 0 and is_quiet) or self.failed is not None or passed_s > LANDED_WITHIN_S
        return False

    def _next(self, step: str) -> None:
        self._step, self._since_s = step, time.monotonic()

    def _begin(self) -> None:
        from pipelines.simulator.live_publisher import Publisher

        self.publisher = Publisher(self.plan)
        self._next("publishing")

    def _end(self) -> None:
        def stop() -> None:
            assert self.publisher
            try:
                self.publisher.stop()
            except CitylakeError as error:
                self.failed = error

        self._ending = threading.Thread(target=stop, name="end of publishing", daemon=True)
        self._ending.start()
        self._next("ending")

    @property
    def late_s(self) -> float | None:
        """How late the city's messages are published now; None where none are."""
        return self.publisher.late_s if self.publisher and self._step == "publishing" else None

    def kill(self) -> None:
        """End the publisher at once."""
        if self.publisher is not None:
            self.publisher.kill()


class LateSaid:
    """A view beside which it is said how late the publisher is: with the title, and as something that happened."""

    def __init__(self, view: View, play: Play) -> None:
        self._view, self._play, self._said_s = view, play, 0.0

    def show(self, moment: Moment) -> None:
        """Show it; say it when it is late, when it is twice as late as was said, and when it is in time again."""
        late_s = self._play.late_s or 0.0
        if late_s >= max(2 * self._said_s, LATE_S):
            self._happened(moment, f"published late by {late_s:.0f} s: the publisher cannot keep the asked rate", True)
            self._said_s = late_s
        elif self._said_s and late_s < LATE_S and self._play.late_s is not None:
            self._happened(moment, "published in time again", False)
            self._said_s = 0.0
        beside = f", published late by {late_s:.0f} s" if late_s >= LATE_S else ""
        self._view.show(replace(moment, title=moment.title + beside))

    def _happened(self, moment: Moment, what: str, is_bad: bool) -> None:
        self._view.tell([Happened(moment.at, "publisher", "", what, is_bad)], [])

    def tell(self, events: list[Happened], alarms: list[Alarm]) -> None:
        """As the view does."""
        self._view.tell(events, alarms)

    def close(self) -> None:
        """As the view does."""
        self._view.close()


def brought_up(folder: Path, rate: float, name: str) -> tuple[Any, "Plan", Path]:
    """Start the broker and write the city's settings; gives broker, plan and the settings' path.

    The caller stops the broker.
    """
    from pipelines.live.server import NatsServer
    from pipelines.simulator.live_publisher import Plan
    from pipelines.simulator.live_settings import write_settings
    from schemas.city import City

    broker = NatsServer(folder / "broker").start()
    try:
        broker.keep_mqtt(max_bytes=KEPT_BYTES)
        plan = Plan(broker.host, broker.mqtt_port, str(folder / "truth"), rate, name=name)
        path = write_settings(folder, City(plan.name, plan.time_zone), plan.city(), broker.url, broker.mqtt_url)
    except BaseException:
        broker.stop()
        raise
    return broker, plan, path
