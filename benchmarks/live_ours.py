"""Ours on streams: what `citylake stream` runs, from the broker to committed rows, in a process of its own.

Brokers are in live_brokers.py, plain consumers in live_peers.py.
"""

import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import apache_beam  # noqa: F401  (imported here, so that no run is charged for it)
import numpy as np
import polars as pl

from pipelines import commit, steps
from pipelines.live.desk import Committed
from pipelines.live.lot import gather
from pipelines.live.pace import Pace
from pipelines.live.stream import Stream
from pipelines.live.tap import Messages
from pipelines.sources.declared import parse
from pipelines.sources.files import Limits
from schemas import upkeep
from schemas.city import City
from schemas.lake import Lake
from schemas.registry import feed

CITY = City("Bench", "Europe/Berlin")
FEED = "traffic_flow"
QUIET_S = 4.0


def _stream(block: dict[str, Any], out: str, commits: list[Committed]) -> Stream:
    source = parse(feed(FEED), "bench", {"format": "json_lines", **block}, Path.cwd())
    return Stream(Lake(out), CITY, [(feed(FEED), source)], Limits(), Pace(), commits.append)


def land(block: dict[str, Any], out: str, events: int) -> dict[str, float]:
    """Land what a broker holds. Rates are from the end of the first commit to the end of the last."""
    commits: list[Committed] = []
    stream = _stream(block, out, commits)
    stream.start()
    until = time.monotonic() + 600
    while sum(c.taken for c in commits) < events:
        if time.monotonic() > until:
            raise RuntimeError(f"{sum(c.taken for c in commits)} of {events} came; {stream.desks[0].seen()}")
        time.sleep(0.02)
    stream.drain()
    stream.join(60)
    seconds = (commits[-1].at_us - commits[0].at_us) / 1e6
    later = commits[1:]
    return {
        "events_per_s": sum(c.taken for c in later) / seconds if later else float("nan"),
        "messages_per_s": sum(c.messages for c in later) / seconds if later else float("nan"),
        "kept": sum(c.kept for c in commits),
        "commits": len(commits),
    }


def follow(block: dict[str, Any], out: str) -> dict[str, float]:
    """Land what is published meanwhile, until nothing more comes; from each event's stamp to the commit that shows it."""
    commits: list[Committed] = []
    stream = _stream(block, out, commits)
    stream.start()
    while not commits or time.time() - commits[-1].at_us / 1e6 < QUIET_S:
        time.sleep(0.1)
    stream.drain()
    stream.join(60)
    waited = []
    for done in commits:
        for uri in done.uris:
            stamped = pl.read_parquet(uri, columns=["observed_at"], hive_partitioning=False)["observed_at"]
            waited.append((done.at_us - stamped.dt.epoch("us").to_numpy()) / 1e6)
    found = np.concatenate(waited)
    return {"events": len(found), "p50_s": float(np.percentile(found, 50)), "p99_s": float(np.percentile(found, 99))}


def grow(out: str, commits: int, rows: int) -> dict[str, float]:
    """Commit as often as an hour of half seconds does, joining as a stream does; how the table grows and what a commit costs."""
    lake, contract = Lake(out), feed(FEED)
    source = parse(contract, "bench", {"uri": "nats://127.0.0.1", "stream": "X", "format": "json_lines"}, Path.cwd())
    at = datetime(2026, 5, 4, 8, tzinfo=UTC)
    landing = steps.Landing(lake, CITY, contract, source, Limits(), (), at)
    payloads = [EVENT % (i, at.isoformat().encode()) for i in range(rows)]
    received, wanted, numbers = np.full(rows, int(at.timestamp() * 1e6)), {"": 0}, count(1)
    upkeep.LOG_HOURS = 0  # an hour has not passed when this is done
    took, files, entries = [], [], []
    for number in range(commits):
        began = time.perf_counter()
        first = number * rows
        got = Messages("", payloads, received, np.arange(first, first + rows))
        lot = gather(landing.place, next(numbers), "bench", {"": "bench"}, wanted, True, [got])
        commit.commit_lot(steps.write(steps.conform(steps.decode(lot, landing), landing), landing), landing)
        took.append(time.perf_counter() - began)
        if number % 20 == 19:
            for layer, name in (("raw", FEED), ("ledger", "")):
                upkeep.join(lake, layer, name)
                if number % 1200 == 1199:
                    upkeep.sweep(lake, layer, name)
        if number % 50 == 0:
            files.append(len(lake.files("raw", FEED)) + len(lake.files("ledger")))
            entries.append(sum(1 for t in ("raw/" + FEED, "ledger") for _ in (Path(out) / t / "_delta_log").iterdir()))
    tenth = max(commits // 10, 1)
    return {
        "files_most": max(files),
        "files_last": files[-1],
        "log_most": max(entries),
        "first_s": median(took[:tenth]),
        "last_s": median(took[-tenth:]),
    }


EVENT = b'{"sensor_id":"S%d","lane":1,"observed_at":"%s","interval_s":60,"vehicle_count":9,"mean_speed_kmh":52.5}'
