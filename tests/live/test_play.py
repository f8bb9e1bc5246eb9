"""The live city's publisher: that it says when it cannot keep its rate. The whole play is in tests/cli."""

import io
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dagster_project.live.lines import Plain
from dagster_project.live.moment import Moment
from dagster_project.live.play import LateSaid, Play
from dagster_project.live.screen import Screen
from pipelines.simulator import live_publisher
from pipelines.simulator.live_publisher import Plan
from tests.live.test_screen import moment

PLAN = Plan("127.0.0.1", 0, "", 100.0)


@dataclass
class LatePublisher:
    late_s: float = 0.0


class Titles:
    """A view that keeps the titles it was shown."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def show(self, shown: Moment) -> None:
        self.seen.append(shown.title)

    def tell(self, *_: Any) -> None:
        pass

    def close(self) -> None:
        pass


def publishing() -> tuple[Play, LatePublisher]:
    play, publisher = Play(PLAN, None, lambda: False), LatePublisher()
    play.publisher, play._step = publisher, "publishing"  # type: ignore[assignment]
    return play, publisher


def test_a_late_publisher_is_told_once_and_again_when_it_is_twice_as_late() -> None:
    play, publisher = publishing()
    out = io.StringIO()
    view = LateSaid(Plain(1000.0, out), play)
    for late_s in (0.0, 1.9, 3.0, 3.5, 5.0, 7.0, 7.5, 0.1, 0.0):
        publisher.late_s = late_s
        view.show(moment())
    lines = [line[21:] for line in out.getvalue().splitlines()]
    cannot = "the publisher cannot keep the asked rate"
    assert lines == [
        f"publisher: published late by 3 s: {cannot}",
        f"publisher: published late by 7 s: {cannot}",
        "publisher: published in time again",
    ]
    publisher.late_s = 100
    view.show(moment())
    play._step = "ending"
    view.show(moment())
    assert out.getvalue().splitlines()[-1].endswith(cannot), "nothing is due any more: neither late nor in time"


@pytest.mark.parametrize("width", [40, 120])
def test_the_screen_says_beside_the_title_how_late_it_is(width: int) -> None:
    play, publisher = publishing()
    screen = Console(width=width, height=40, force_terminal=False, file=io.StringIO())
    titles = Titles()
    both = LateSaid(titles, play)
    both.show(moment())
    publisher.late_s = 12.4
    both.show(replace(moment(), title="Live city"))
    assert titles.seen == ["Testville", "Live city, published late by 12 s"]
    screen.print(Screen(screen).frame(replace(moment(), title=titles.seen[-1])))
    assert "published late by 12 s" in screen.file.getvalue()  # type: ignore[attr-defined]


def test_how_late_a_message_is_published_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow:
        """A client behind which the broker takes its time."""

        published = outstanding = 0

        def __init__(self, *_: object) -> None:
            pass

        def publish(self, *_: object) -> int:
            time.sleep(0.02)
            self.published += 1
            return time.time_ns() // 1000

        def close(self, *_: object) -> None:
            pass

    monkeypatch.setattr(live_publisher, "_Client", Slow)
    told: list[dict[str, float]] = []
    stop = threading.Event()

    def tell(counts: dict[str, float]) -> None:
        told.append(counts)
        if counts["late_s"] > 1:
            stop.set()

    live_publisher.publish(replace(PLAN, folder=str(tmp_path), rate=2000.0), stop, tell)
    assert told[-1]["messages"] > 0
    assert max(t["late_s"] for t in told) > 1
