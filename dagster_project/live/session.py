"""One run of a stream: its sources, its watchman, its endpoint, and a view of them, from the first message to the last commit.

How sources are read is pipelines.live; how it looks is said by the views.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dagster_project.live.endpoint import Endpoint
from dagster_project.live.health import health
from dagster_project.live.moment import Moment, View, happened, sounded
from dagster_project.live.prometheus import Numbers
from pipelines.live.desk import Committed, Seen

if TYPE_CHECKING:
    from dagster_project.settings import Settings

FRAME_S = 0.25
ALARMS = 100
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHOW_CURSOR = "\x1b[?25h"


class Session:
    """A stream of checked settings with all that watches it.

    Args:
        sources: (contract, source) of each live source.
        port: of /metrics and /healthz.
        also: hears every commit besides; it must be quick.

    Raises:
        SettingsError: the port is taken.
    """

    def __init__(
        self,
        settings: "Settings",
        sources: Sequence[tuple[Any, Any]],
        port: int,
        also: Callable[[Committed], None] | None = None,
    ) -> None:
        from dagster_project.live.watchman import Watchman
        from pipelines.live.stream import Stream

        self._settings, self._also = settings, also
        self._watchman = Watchman(settings)
        self.stream = Stream(settings.lake, settings.city, sources, settings.limits, settings.stream.pace, self._committed)
        self._numbers = Numbers(self.seen, self.raised)
        self.endpoint = Endpoint(port, self._numbers.registry, lambda: health(self.seen(), settings.stream.behind_s))
        self._began_s = time.monotonic()
        self.is_draining = False

    def _committed(self, done: Committed) -> None:
        self._numbers.committed(done)
        self._watchman.landed(done)
        if self._also:
            self._also(done)

    def seen(self) -> list[Seen]:
        """The desks as they are now."""
        return [d.seen() for d in self.stream.desks]

    def raised(self) -> dict[str, int]:
        """Alerts raised since the start, by rule."""
        return dict(self._watchman.by_rule)

    def start(self) -> None:
        """Begin reading."""
        self._began_s = time.monotonic()
        self._watchman.start()
        self.stream.start()

    def drain(self) -> None:
        """Ask all sources to commit what they hold and to end."""
        self.is_draining = True
        self.stream.drain()

    def close(self) -> None:
        """Evaluate the alerts a last time and answer nobody any more."""
        self._watchman.stop()
        self.endpoint.stop()

    def moment(self) -> Moment:
        """How it stands now."""
        return Moment(
            at=datetime.now().astimezone(),
            elapsed_s=time.monotonic() - self._began_s,
            title=self._settings.city.name,
            url=self.endpoint.url,
            sources=tuple(self.seen()),
            alarms=self._watchman.latest(ALARMS),
            raised=self._watchman.raised,
            alerts_say=self._watchman.says,
            is_draining=self.is_draining,
        )


def follow(session: Session, view: View, is_over: Callable[[], bool]) -> Moment:
    """Run the session under a view until `is_over`, then drain it; gives the last moment.

    A view that can no longer be written to (a closed pipe, a terminal that is gone) drains it too.
    """
    shown = _Shown(session, view)
    try:
        # what it is made of is there to see before the first import is done
        shown.refresh()
        session.start()
        while not is_over() and not shown.is_gone:
            shown.refresh()
            time.sleep(FRAME_S)
        session.drain()
        while not session.stream.join(FRAME_S / max(len(session.stream.desks), 1)):
            shown.refresh()
    finally:
        session.drain()
        session.close()
        last = shown.refresh()
        shown.close()
    return last


class _Shown:
    """A view, and the moment it showed last."""

    def __init__(self, session: Session, view: View) -> None:
        self._session, self._view, self.is_gone = session, view, False
        self._before: Moment | None = None

    def refresh(self) -> Moment:
        now = self._session.moment()
        if not self.is_gone:
            try:
                events, alarms = happened(self._before, now), sounded(self._before, now)
                if events or alarms:
                    self._view.tell(events, alarms)
                self._view.show(now)
            except OSError:
                self.is_gone = True
        self._before = now
        return now

    def close(self) -> None:
        try:
            self._view.close()
        except OSError:
            self.is_gone = True


@contextmanager
def asked_to_stop(at_once: Callable[[], None] = lambda: None) -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; the second ends the process at once, after `at_once`."""
    asked = threading.Event()

    def stop(number: int, _: Any) -> None:
        if asked.is_set():
            at_once()
            if sys.stderr.isatty():
                sys.stderr.write(SHOW_CURSOR + "\n")
                sys.stderr.flush()
            os._exit(128 + number)
        asked.set()

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
