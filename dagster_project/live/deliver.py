"""Tells targets of every change of an alert, in order and at least once: a courier per target, each with a cursor in the lake.

How one target is spoken to is said by `webhook` and `mqtt_topic`; when an alert is raised, elsewhere.
"""

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from assets.alarm_book import Book
from pipelines.live.pauses import Pauses
from schemas.city import City
from schemas.errors import CitylakeError
from schemas.lake import Lake
from schemas.notes import file_name

AT_ONCE = 200
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
POLL_S = 5.0
NOTES = "alerts"


class Undelivered(Exception):
    """The target did not take it; it is tried again, no sooner than after `wait_s` where the target said so."""

    def __init__(self, found: str, wait_s: float = 0.0) -> None:
        super().__init__(found)
        self.wait_s = wait_s


class Refused(Exception):
    """The target understood and will never take this one."""


class Target(Protocol):
    """Somebody who is told."""

    @property
    def address(self) -> str:
        """Where it is, without secrets; names its cursor."""
        ...

    def send(self, row: dict[str, Any]) -> None:
        """Tell of one row of `metrics/alerts`; returns when the target has taken it. Raises Undelivered or Refused."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


class Courier:
    """Brings alerts to one target, in a thread of its own. A target that is down holds up nobody else.

    Attributes:
        delivered, refused, failures: counts since the start.
        says: what is wrong, in a few words; "" when all is well.
    """

    def __init__(
        self, lake: Lake, city: City, target: Target, say: Callable[[str], None], first_wait_s: float = FIRST_WAIT_S
    ) -> None:
        self._lake, self._book, self._target, self._say = lake, Book(lake, city), target, say
        self._first_wait_s = first_wait_s
        self._note = f"{NOTES}/{file_name(target.address)}"
        self._kicked, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self.delivered = self.refused = self.failures = 0
        self.says = ""

    def begin(self) -> None:
        """Make sure that there is a cursor: a target that is new is told of what comes, not of what was."""
        last = self._book.last()
        # a cursor beyond the end is of a lake that was put back to an earlier state
        if self._lake.notes.read(self._note) is None or self.cursor > last:
            self._lake.notes.write(self._note, str(last))

    @property
    def cursor(self) -> int:
        """The number of the last row that the target took."""
        return int(self._lake.notes.read(self._note) or 0)

    def start(self) -> None:
        """Begin to deliver; does nothing where that was begun."""
        if self._thread:
            return
        self._thread = threading.Thread(target=self._run, name=f"courier {self._target.address}", daemon=True)
        self._thread.start()

    def kick(self) -> None:
        """There is something new."""
        self._kicked.set()

    def stop(self, wait_s: float = 5.0) -> None:
        """End, after at most `wait_s` in which what is there may still go out."""
        self._stopped.set()
        self._kicked.set()
        if self._thread:
            self._thread.join(wait_s)

    def _run(self) -> None:
        pauses = Pauses(self._first_wait_s, LONGEST_WAIT_S)
        while True:
            last_round = self._stopped.is_set()
            self._kicked.clear()
            try:
                self._deliver_due()
            except Exception as error:  # a courier that dies would be silent for ever
                self.failures += 1
                self._tell(error)
                if last_round or self._stopped.wait(max(pauses.next_s(), getattr(error, "wait_s", 0.0))):
                    break
                continue
            pauses.reset()
            self.says = ""
            if last_round:
                break
            self._kicked.wait(POLL_S)
        self._target.close()

    def _deliver_due(self) -> None:
        self.begin()
        cursor = self.cursor
        while True:
            rows = self._book.since(cursor, AT_ONCE).to_dicts()
            for row in rows:
                try:
                    self._target.send(row)
                    self.delivered += 1
                except Refused as refused:
                    self.refused += 1
                    self._say(f"{self._target.address}: refused alert {row['alert_id']} for good: {refused}; it is passed over")
                cursor = row["number"]
                # a process that dies here sends the same row again, with the same idempotency key
                self._lake.notes.write(self._note, str(cursor))
            if len(rows) < AT_ONCE:
                return

    def _tell(self, error: Exception) -> None:
        found = str(error) if isinstance(error, Undelivered | CitylakeError) else f"{type(error).__name__}: {error}"
        text = f"{self._target.address}: {found}; trying again"
        if text != self.says:
            self.says = text
            self._say(text)


def event_key(row: dict[str, Any]) -> str:
    """The same change of the same alert has the same key, however often it is told."""
    return f"{row['alert_id']}-{row['state']}"


def body(row: dict[str, Any]) -> bytes:
    """A change of an alert as JSON, in the form of Standard Webhooks: type, timestamp, data."""
    data = {k: _plain(v) for k, v in row.items() if k != "event_date"}
    data["causes"] = json.loads(row["causes"])
    said = {"type": f"alert.{row['state']}", "timestamp": data["raised_at"], "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
