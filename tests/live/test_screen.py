"""How a stream is shown: what fits, what is left out, what is told when, and that nothing from outside steers the terminal."""

import io
import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from rich.console import Console

from dagster_project.live.lines import Json, Plain, span
from dagster_project.live.moment import Alarm, Moment, happened, sounded
from dagster_project.live.screen import Screen
from pipelines.live.desk import Committed, Desk, Seen

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HOSTILE = "connection lost: \x1b[2J\x07[red]boo[/red]\nnext line"


def seen(feed: str = "door_counts", name: str = "north", **more: object) -> Seen:
    """A desk's snapshot after some commits."""
    desk = Desk(feed, name, "nats://somewhere")
    now_us = int(time.time() * 1e6)
    for i in range(20):
        desk.book(Committed(feed, name, (), (), 10, 100, 500, 490, 10, 1, now_us, now_us - 2_000_000, now_us - 100 * i, 0.25))
    desk.tell(state="running", is_connected=True, behind=1234)
    return replace(desk.seen(), **more)  # type: ignore[arg-type]


def alarm(key: str = "a", is_open: bool = True, says: str = "Door 7 has been open for 90 s.") -> Alarm:
    return Alarm(key, NOW, is_open, "critical", "door_open", "door7", says)


def moment(*sources: Seen, **more: object) -> Moment:
    return replace(Moment(NOW, 61.0, "Testville", "http://127.0.0.1:9464", sources or (seen(),)), **more)  # type: ignore[arg-type]


def drawn(shown: Moment, width: int, height: int = 40) -> list[str]:
    """The screen as lines of text."""
    out = Console(record=True, width=width, height=height, force_terminal=True, file=io.StringIO())
    out.print(Screen(out).frame(shown))
    return out.export_text().rstrip("\n").split("\n")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140, 220])
def test_it_fits_whatever_width_there_is(width: int) -> None:
    long = [seen("a_feed_with_quite_a_long_name", f"source{i}", says="x" * 300, kept=10**11) for i in range(3)]
    lines = drawn(moment(*long, alarms=(alarm(says="y" * 300), alarm("b", False)), raised=12), width)
    assert max(cell_len(line.rstrip()) for line in lines) <= width


def test_the_least_telling_columns_are_left_out_first() -> None:
    heads = {width: " ".join(drawn(moment(), width)[2:4]) for width in (60, 80, 160)}
    for word in ("source", "state", "kept"):
        assert all(word in head for head in heads.values())
    assert "lag" in heads[80]
    assert "restarts" not in heads[80]
    for word in ("behind", "commits", "p50", "p99", "restarts"):
        assert word in heads[160]


def test_the_numbers_are_the_desks() -> None:
    text = "\n".join(drawn(moment(seen(restarts=3)), 160))
    for number in ("9,800", "200", "1,234", "0.25 s"):
        assert number in text
    assert "9,800 rows landed" in text


def test_alerts_are_below_newest_first_and_closed_ones_say_so() -> None:
    lines = drawn(moment(alarms=(alarm("b", False), alarm("a")), raised=7), 120)
    at = [i for i, line in enumerate(lines) if "door_open" in line]
    assert "7 raised" in "\n".join(lines)
    assert "closed" in lines[at[0]]
    assert "critical" in lines[at[1]]
    assert "none so far" in "\n".join(drawn(moment(), 120))


def test_a_low_terminal_shows_fewer_alerts() -> None:
    many = tuple(alarm(str(i)) for i in range(30))
    assert len(drawn(moment(alarms=many), 100, height=16)) <= 16
    assert sum("door_open" in line for line in drawn(moment(alarms=many), 100, height=60)) == 8


def test_what_comes_from_outside_cannot_steer_the_terminal() -> None:
    shown = moment(seen(says=HOSTILE, name="na\x1bme"), alarms=(alarm(says=HOSTILE),), title="To\x1b[31mwn", alerts_say=HOSTILE)
    text = "\n".join(drawn(shown, 160))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[red]boo" in text
    out = io.StringIO()
    plain = Plain(0.0, out)
    plain.tell(happened(None, shown), sounded(None, shown))
    plain.show(shown)
    assert "\x1b" not in out.getvalue()
    assert not any(line.startswith("next") for line in out.getvalue().split("\n"))
    screen = Console(width=120, force_terminal=False, file=io.StringIO())
    Screen(screen).tell(happened(None, shown), [])
    assert "\x1b" not in screen.file.getvalue()  # type: ignore[attr-defined]


def told(*states: Seen) -> list[str]:
    """What is told on the way through these snapshots."""
    out, before = [], None
    for one in states:
        now = moment(one)
        out += [h.what for h in happened(before, now)]
        before = now
    return out


def test_what_happens_is_told_once() -> None:
    lost = seen(state="waiting", says="connection lost")
    tries = replace(lost, restarts=1)
    again = seen(restarts=1)
    start = Seen("door_counts", "north", "")
    assert told(start, replace(start, state="waiting"), seen(commits=0)) == ["running"]
    assert told(start, seen(commits=0), lost, lost, tries, again) == [
        "running", "connection lost", "waiting", "connection lost", "restarted", "running again",
    ]  # fmt: skip
    assert told(seen(), replace(seen(), says="slow disk"), seen()) == ["running again", "slow disk", "all is well again"]
    assert told(seen(), seen(state="draining"), seen(state="stopped"))[1:] == ["draining", "stopped"]


def test_alarms_are_told_once_oldest_first() -> None:
    one = moment(alarms=(alarm("a"),))
    two = moment(alarms=(alarm("c", False), alarm("b"), alarm("a")))
    assert [a.key for a in sounded(None, one)] == ["a"]
    assert [a.key for a in sounded(one, two)] == ["b", "c"]
    assert sounded(two, two) == []


def test_plain_writes_a_line_per_source_now_and_then() -> None:
    out = io.StringIO()
    plain = Plain(5.0, out)
    for second in (0.0, 4.9, 5.1, 6.0, 10.2):
        plain.show(replace(moment(seen(), seen(name="south")), elapsed_s=second))
    lines = out.getvalue().splitlines()
    assert len(lines) == 4
    assert all("kept 9,800" in line and "rejected 200" in line for line in lines)


def test_json_is_an_object_a_line() -> None:
    out = io.StringIO()
    view = Json(1.0, out)
    view.show(replace(moment(), elapsed_s=0.0))
    view.show(replace(moment(), elapsed_s=0.5))
    view.tell(happened(None, moment(seen(says=HOSTILE))), [alarm()])
    objects = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [o["kind"] for o in objects] == ["source", "event", "event", "alert"]
    assert objects[0]["kept"] == 9800
    assert objects[1]["what"] == HOSTILE
    assert datetime.fromisoformat(objects[3]["at"]) == NOW


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-3.0, "0.00 s"), (0.42, "0.42 s"), (75, "75 s"), (600, "10 min"), (7200, "2.0 h"), (9e5, "10 d")],
)
def test_spans_are_short(seconds: float | None, text: str) -> None:
    assert span(seconds) == text
