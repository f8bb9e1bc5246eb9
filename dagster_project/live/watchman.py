"""Watches what lands: asks the rules of alerts, writes what changed, and has it delivered; in threads of its own.

Nothing here can block or end the stream: what goes wrong is said, and tried again. The rules are in assets/alerts.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dagster_project.live.moment import Alarm
from schemas.alerts import CLOSED, OPENED
from schemas.errors import CitylakeError, SettingsError

if TYPE_CHECKING:
    from assets.alarms import Alarms
    from dagster_project.live.deliver import Courier, Target
    from dagster_project.settings import Settings
    from pipelines.live.desk import Committed

EVERY_S = 1.0
WAITING_COMMITS = 5000
"""Commits that may wait to be looked at; beyond it the oldest are passed over: their rows are in the lake all the same."""
REMEMBERED = 200
LONGEST_WAIT_S = 30.0


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


class Watchman:
    """Raises the alerts of one stream.

    Attributes:
        raised, by_rule: alerts opened since the start; by rule.
        says: what is wrong, in a few words; "" when all is well.
    """

    def __init__(
        self,
        settings: "Settings",
        clock: Callable[[], datetime] = utc_now,
        every_s: float = EVERY_S,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._settings, self._clock, self._every_s = settings, clock, every_s
        self._listener = say
        self._waiting: deque[tuple[str, tuple[str, ...]]] = deque(maxlen=WAITING_COMMITS)
        self._recent: deque[Alarm] = deque(maxlen=REMEMBERED)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._couriers: list[Courier] = []
        self._due: list[dict[str, Any]] = []
        self._passed_over = 0
        self.raised = 0
        self.by_rule: Counter[str] = Counter()
        self.says = ""

    def landed(self, committed: "Committed") -> None:
        """A commit is visible. Returns at once."""
        if not self._thread or not committed.uris:
            return
        if len(self._waiting) == WAITING_COMMITS:
            self._passed_over += 1
        self._waiting.append((committed.feed, tuple(committed.uris)))

    def start(self) -> None:
        """Begin to watch, where any rule is on.

        Raises:
            SettingsError: a secret that a target needs is not in the environment.
        """
        if not self._settings.alerts.is_on:
            return
        from dagster_project.live.deliver import Courier

        lake, city = self._settings.lake, self._settings.city
        self._couriers = [Courier(lake, city, target, self._tell) for target in targets(self._settings)]
        self._thread = threading.Thread(target=self._run, name="watchman", daemon=True)
        self._thread.start()

    def stop(self, wait_s: float = 20.0) -> None:
        """Look at what has landed once more, tell of it, and end."""
        self._stopped.set()
        if self._thread:
            self._thread.join(wait_s)
        for courier in self._couriers:
            courier.stop()

    def latest(self, most: int) -> tuple[Alarm, ...]:
        """The latest changes of alerts since the start, newest first."""
        return tuple(list(self._recent)[::-1][:most])

    @property
    def delivered(self) -> int:
        """Changes that targets took since the start."""
        return sum(c.delivered for c in self._couriers)

    def _run(self) -> None:
        from assets.alarm_book import Overtaken
        from assets.alarms import Alarms

        failed, alarms = 0, None
        while True:
            last_round = self._stopped.is_set()
            try:
                if alarms is None:
                    alarms = self._opened(Alarms)
                self._look(alarms, last_round)
                failed, self.says = 0, ""
            except Exception as error:  # the stream goes on whatever becomes of alerts
                failed += 1
                self._tell(_said(error))
                if isinstance(error, Overtaken):
                    self._due = []
                # changes that wait to be written are written as they are; else the engine starts again from the lake
                alarms = alarms if self._due else None
            if last_round:
                return
            self._stopped.wait(min(self._every_s * 2 ** min(failed, 10), LONGEST_WAIT_S))

    def _opened(self, engine: "type[Alarms]") -> "Alarms":
        for courier in self._couriers:
            courier.begin()
        alarms = engine(self._settings.lake, self._settings.city, self._settings.alerts.rules, self._tell)
        alarms.refill(self._clock())
        for courier in self._couriers:
            courier.start()  # once, however often the engine is opened
        return alarms

    def _look(self, alarms: "Alarms", is_last: bool) -> None:
        """Take what landed, ask, write and have delivered."""
        if self._passed_over:
            over, self._passed_over = self._passed_over, 0
            self._tell(f"alerts are behind: {over:,} commits were passed over")
        fresh: dict[str, list[str]] = {}
        while self._waiting:
            feed, visible = self._waiting.popleft()
            fresh.setdefault(feed, []).extend(visible)
        for feed, uris in fresh.items():
            self._take(alarms, feed, uris)
        if not self._due:
            self._due = alarms.evaluate(self._clock(), is_last)
        if self._due:
            alarms.commit(self._due)
            written, self._due = self._due, []
            self.raised += sum(row["state"] == OPENED for row in written)
            self.by_rule.update(row["rule"] for row in written if row["state"] == OPENED)
            self._recent.extend(shown(row) for row in written)
            for courier in self._couriers:
                courier.kick()

    def _take(self, alarms: "Alarms", feed: str, uris: list[str]) -> None:
        """Give the engine what landed. A file that cannot be read costs its own rows, not those that came with it."""
        try:
            alarms.landed(feed, uris)
        except Exception as error:
            if len(uris) == 1:
                self._tell(_said(error))
                return
            for uri in uris:
                self._take(alarms, feed, [uri])

    def _tell(self, text: str) -> None:
        if text != self.says and self._listener:
            self._listener(text)
        self.says = text


def targets(settings: "Settings") -> "list[Target]":
    """Whom the settings want told."""
    wanted = settings.alerts
    out: list[Target] = []
    if wanted.webhook:
        from dagster_project.live.webhook import Webhook

        key = wanted.secret("KEY")
        if not key:
            where = f"environment variable {wanted.credentials}_KEY"
            raise SettingsError(where, "it is not set, and [alerts] webhook is signed with it", "set it to a long random text")
        out.append(Webhook(wanted.webhook, key, wanted.ca_file))
    if wanted.mqtt:
        from dagster_project.live.mqtt_topic import MqttTopic

        out.append(MqttTopic(wanted))
    return out


def shown(row: dict[str, Any]) -> Alarm:
    """A row of `metrics/alerts` as a view shows it."""
    is_open = row["state"] != CLOSED
    key = f"{row['alert_id']}-{row['state']}"
    return Alarm(key, row["raised_at"], is_open, row["severity"], row["rule"], row["place_id"], row["message"])


def _said(error: Exception) -> str:
    known = str(error) if isinstance(error, CitylakeError) else f"{type(error).__name__}: {error}"
    return f"alerts: {known[:300]}"
