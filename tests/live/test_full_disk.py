"""A lake on a disk that is full for real: the stream says so, waits, and goes on when there is space; nothing is lost or twice.

A small tmpfs is mounted for it, which needs root; skipped where that is not allowed. Stores that refuse are in test_stream.
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.live.heartbeat import last
from pipelines.live.pace import Pace
from tests.live.rehearsed import FEED, City1, drained, payloads, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform != "linux", reason="there is no tmpfs to mount"),
]

DISK_MB, FREE_MB = 30, 2


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own; unmounted whatever happens."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)], capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed: {mounted.stderr.decode(errors='replace').strip()}")
    try:
        yield folder
    finally:
        if subprocess.run(["umount", str(folder)], capture_output=True).returncode:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("replays", [True, False], ids=["a broker that replays", "a broker that redelivers"])
def test_a_disk_that_is_full_is_waited_for(disk: Path, replays: bool) -> None:
    ballast = disk / "ballast"
    ballast.write_bytes(b"\0" * ((DISK_MB - FREE_MB) << 20))
    here = City1(disk, replays)
    stream = here.stream(Pace(commit_s=0.05))
    (desk,) = stream.desks
    sent = 0

    def publish() -> None:
        nonlocal sent
        here.broker.publish(payloads(sent, 200))
        sent += 200
        time.sleep(0.05)

    stream.start()
    end = time.monotonic() + 200
    while not desk.seen().says:
        assert time.monotonic() < end, "it was never full"
        publish()
    assert "o space left on device" in desk.seen().says
    assert here.broker.acknowledged.get("", 0) > 0, "there was space once"
    full_at = desk.seen().commits
    for _ in range(60):
        publish()
    assert desk.seen().restarts > 1, "it tries again"
    assert desk.seen().says
    assert here.broker.acknowledged[""] < sent
    landed_by = desk.seen().commits
    ballast.unlink()
    until(lambda: not desk.seen().says, 200)
    for _ in range(20):
        publish()
    until(lambda: here.broker.acknowledged[""] == sent, 200)
    since = datetime.now(UTC)
    until(lambda: (beat := last(here.lake, FEED, "belt")) is not None and beat.at > since, 60)
    drained(stream)
    kept = here.kept()
    assert set(kept) == {f"d{i}" for i in range(sent)}, "lost 0"
    if replays:
        assert kept == Counter({f"d{i}": 1 for i in range(sent)})
    repeats = sum(kept.values()) - sent
    assert here.off_by() == 0
    assert list(disk.rglob("*.half")) == []
    print(f"{sent} events, {repeats} redelivered; {landed_by - full_at} commits while it was full; {desk.seen().restarts} tries")
