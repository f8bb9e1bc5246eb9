"""A stream whose lake is on a real S3 server that dies under it: it says so, waits and goes on, and everything lands once.

A lake on S3 landed from files is in test_s3; what a stream does with other trouble in tests/live.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pipelines.live.pace import Pace
from pipelines.live.reader import app_id
from pipelines.sources.files import s3
from schemas.errors import CitylakeError
from tests.integration.s3_server import S3Server
from tests.live import rehearsal
from tests.live.rehearsed import FEED, City1, drained, payloads, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[S3Server]:
    (tmp_path / "s3").mkdir()
    running = S3Server(tmp_path / "s3")
    try:
        running.start()
        with pytest.MonkeyPatch.context() as patched:
            for name, value in running.environment.items():
                patched.setenv(name, value)
            s3().mkdir("city")
            yield running
    finally:
        running.stop()


class Publishing(threading.Thread):
    """Publishes a few events every so often until told."""

    def __init__(self, broker: rehearsal.Broker) -> None:
        super().__init__(daemon=True)
        self.broker, self.told, self.sent = broker, threading.Event(), 0

    def run(self) -> None:
        while not self.told.wait(0.05):
            self.broker.publish(payloads(self.sent, 10))
            self.sent += 10


def goes_on(here: City1) -> None:
    done = len(here.commits)
    until(lambda: len(here.commits) >= done + 4, 200)


def test_a_store_that_is_killed_and_comes_back_costs_nothing_but_time(
    server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = City1(tmp_path, root="s3://city/lake")
    partition = app_id(FEED, f"belt|{here.uri}", "")
    promised: list[tuple[int, int]] = []
    real = rehearsal.RehearsalTap.acknowledge

    def acknowledge(tap: rehearsal.RehearsalTap, marks: list[Any]) -> None:
        real(tap, marks)
        with suppress(CitylakeError, OSError):  # it may be killed between commit and acknowledgement: nobody can look then
            promised.append((here.broker.acknowledged[""], here.lake.landed_up_to("raw", FEED, [partition])[partition]))

    monkeypatch.setattr(rehearsal.RehearsalTap, "acknowledge", acknowledge)
    stream = here.stream(Pace(commit_s=0.5))
    (desk,) = stream.desks
    publishing = Publishing(here.broker)
    waits: list[str] = []
    told_after_s: list[float] = []
    stream.start()
    publishing.start()
    for kill in range(KILLS):
        goes_on(here)
        time.sleep(0.37 * kill)  # elsewhere in a commit every time
        server.kill()
        dead = time.monotonic()
        until(lambda: desk.seen().says, 200)
        told_after_s.append(time.monotonic() - dead)
        waits.append(desk.seen().says)
        acknowledged = here.broker.acknowledged[""]
        time.sleep(3)
        assert here.broker.acknowledged[""] == acknowledged, "nothing is promised while nothing can be kept"
        server.start()
    goes_on(here)
    until(lambda: not desk.seen().says, 200)
    publishing.told.set()
    publishing.join()
    until(lambda: sum(here.kept().values()) >= publishing.sent, 200)
    drained(stream)
    assert here.kept() == Counter({f"d{i}": 1 for i in range(publishing.sent)})
    assert here.off_by() == 0
    assert all("s3://city/lake" in says or "127.0.0.1" in says for says in waits), waits
    assert promised
    assert all(acknowledged <= landed for acknowledged, landed in promised)
    assert here.broker.acknowledged == {"": publishing.sent}
    took = sorted(c.seconds for c in here.commits)
    print(f"{publishing.sent} events in {len(took)} commits, p50 {took[len(took) // 2]:.2f} s, longest {took[-1]:.2f} s")
    print(f"told {[f'{s:.1f} s' for s in told_after_s]} after the kill: {waits[0]}")
