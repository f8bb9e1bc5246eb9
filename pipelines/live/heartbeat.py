"""What a running stream leaves in the lake every few seconds, so that other processes know that it runs, and how far it is.

Who draws a conclusion from it says so there. A note each source; a crash leaves the last one, which grows old.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from pipelines.live.desk import Seen
from schemas.lake import Lake
from schemas.notes import file_name

FOLDER = "live"


@dataclass(frozen=True)
class Beat:
    """The last sign of life of one live source."""

    feed: str
    name: str
    state: str
    says: str
    at: datetime
    source_lag_s: float
    behind: int | None
    taken: int
    commits: int

    @property
    def place(self) -> str:
        """The source's desk: feed, a slash, name."""
        return f"{self.feed}/{self.name}"

    def age_s(self, now: datetime) -> float:
        """Seconds since then."""
        return (now - self.at).total_seconds()


KEPT = ("feed", "name", "state", "says", "source_lag_s", "behind", "taken", "commits")


def beat(lake: Lake, seen: Seen, at: datetime) -> None:
    """Leave a sign of life."""
    told = {k: v for k, v in asdict(seen).items() if k in KEPT} | {"at": at.astimezone(UTC).isoformat()}
    lake.notes.write(f"{FOLDER}/{file_name(f'{seen.feed}/{seen.name}')}", json.dumps(told))


def last(lake: Lake, feed: str, name: str) -> Beat | None:
    """The last sign of life of a source; None where it never ran."""
    text = lake.notes.read(f"{FOLDER}/{file_name(f'{feed}/{name}')}")
    if text is None:
        return None
    told = json.loads(text)
    return Beat(**{**told, "at": datetime.fromisoformat(told["at"])})
