"""Random crashes in several versions. What metrics make of them is in the tests."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

from schemas.city import City

DISTRICTS = ("north", "south", "unknown")


def crashes(city: City, day: date, seed: int, n: int = 60) -> list[dict[str, Any]]:
    """Crashes of a day as refined rows: some corrected, some withdrawn, many with only some of what can be told."""
    rng = random.Random(f"{day} {seed} crashes")
    start = city.day_start(day).astimezone(UTC)
    published = [start + timedelta(days=rng.randint(2, 5), weeks=k) for k in range(3)]
    out = []
    for i in range(n):
        at = start + timedelta(seconds=rng.randrange(city.day_seconds(day)))
        since, *later = published[rng.randrange(3) :]
        bounds = [since, *rng.sample(later, rng.randint(0, len(later)))]
        bounds = sorted(set(bounds))
        ends = [*bounds[1:], rng.choice([None, None, bounds[-1] + timedelta(weeks=4)])]
        for valid_from, valid_to in zip(bounds, ends, strict=True):
            out.append(crash(rng, f"{day}-{i}", at) | {"valid_from": valid_from, "valid_to": valid_to, "snapshot_at": valid_from})
    return out


def crash(rng: random.Random, crash_id: str, at: datetime) -> dict[str, Any]:
    return {
        "crash_id": crash_id,
        "occurred_at": at,
        "severity": rng.choice(["K", "A", "B", "C", "O", "O", "U", "U"]),
        "killed": rng.choice([None, 0, 0, 1]),
        "injured": rng.choice([None, 0, 0, 1, 3]),
        "modes": rng.choice([None, "car", "bicycle|car"]),
        "district": rng.choice(DISTRICTS),
        "lat": 52.5 + rng.random() / 50,
        "lon": 13.4 + rng.random() / 50,
        "_table": "police",
    }


FEEDS = {"crashes": crashes}
