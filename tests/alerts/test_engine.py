"""The engine: the same episode is raised once, whatever comes late, again or out of order, and whatever is restarted."""

import json
import random
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from assets import alarm_window
from assets.alarm_book import Overtaken
from assets.alarms import Alarms
from schemas import registry
from schemas.alerts import alert_id
from tests.alerts.conftest import START, Place, at, call, flow


def minutes(place: Place, first: int, last: int, silent: tuple[str, ...] = (), names: str = "ABCDEFGHIJKL") -> None:
    """Reports of every minute in [first, last), landed as they come."""
    for minute in range(first, last):
        when = START + timedelta(minutes=minute)
        place.now = when + timedelta(seconds=62)
        place.land("traffic_flow", [flow(n, when) for n in names if n not in silent])


def states(rows: list[dict]) -> list[tuple[str, str]]:
    return [(r["state"], r["place_id"]) for r in rows]


def test_a_late_or_repeated_row_raises_nothing_twice(make_place) -> None:
    place = make_place("a", ["call_waiting"])
    first = call("I1", at("06:00:00"))
    place.land("emergency_calls", [first], at("06:00:02"))
    assert states(place.ask(at("06:02:00"))) == [("opened", "I1")]
    place.land("emergency_calls", [first, first], at("06:02:10"))  # again
    assert place.ask(at("06:02:11")) == []
    place.land("emergency_calls", [call("I1", at("06:00:00"), unit_id="U1", dispatched_at=at("06:02:30"))], at("06:02:31"))
    assert states(place.ask(at("06:02:32"))) == [("closed", "I1")]
    place.land("emergency_calls", [first], at("06:03:00"))  # once more, after it was closed
    assert place.ask(at("06:03:01")) == []
    # a correction takes the unit back: it is the same episode
    place.land("emergency_calls", [call("I1", at("06:00:00"), unit_id="U1")], at("06:04:00"))
    assert place.ask(at("06:10:00")) == []
    assert place.written()["number"].to_list() == [1, 2]


def test_an_older_version_that_comes_late_does_not_win(make_place) -> None:
    place = make_place("a", ["call_waiting"])
    served = call("I1", at("06:00:00"), dispatched_at=at("06:00:50"))
    place.land("emergency_calls", [served], at("06:01:00"))
    place.land("emergency_calls", [call("I1", at("06:00:00"))], at("06:00:02"))  # was under way for longer
    assert place.ask(at("06:02:00")) == []


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_arrival_does_not_matter(make_place, seed: int) -> None:
    rows = [
        (call(f"I{i}", at("06:00:00"), unit_id=u, dispatched_at=d), at(f"06:00:{i:02}"))
        for i in range(20)
        for u, d in ((("none", None),) if i % 3 else (("none", None), ("U1", at("06:01:10"))))
    ]
    place = make_place(f"p{seed}", ["call_waiting"])
    random.Random(seed).shuffle(rows)
    for row, received in rows:
        place.land("emergency_calls", [row], received)
    assert sorted(p for _, p in states(place.ask(at("06:05:00")))) == sorted(f"I{i}" for i in range(20) if i % 3)


def test_a_condition_that_comes_back_within_the_cool_down_is_the_same_alert(make_place) -> None:
    place = make_place("a", ["sensor_silent"])
    minutes(place, 0, 3)
    minutes(place, 3, 10, silent=("A",))
    assert states(place.ask()) == [("opened", "A")]
    minutes(place, 10, 11)  # one report
    assert place.ask() == []
    minutes(place, 11, 18, silent=("A",))  # silent again, after four minutes
    assert place.ask() == []
    minutes(place, 18, 26)
    assert place.ask() == []
    gone = place.now
    closed = place.ask(gone + timedelta(seconds=300))
    assert [(r["state"], r["closed_at"]) for r in closed] == [("closed", gone)]
    # silent once more, after the alert was closed: another alert
    minutes(place, 26, 40, silent=("A",))
    assert states(place.ask()) == [("opened", "A")]
    assert place.written()["alert_id"].n_unique() == 2


def test_nobody_is_late_while_the_whole_feed_is(make_place) -> None:
    place = make_place("a", ["sensor_silent"])
    minutes(place, 0, 3)
    assert place.ask(START + timedelta(hours=3)) == []


def test_a_source_that_catches_up_makes_nobody_late(make_place) -> None:
    place = make_place("a", ["sensor_silent"])
    for minute in range(20):
        when = START + timedelta(minutes=minute)
        place.land("traffic_flow", [flow(n, when, _source="live") for n in "ABC"], when + timedelta(seconds=62))
    behind = [flow(n, START + timedelta(minutes=m), _source="replayed") for n in "XYZ" for m in range(3)]
    place.land("traffic_flow", behind)
    assert place.ask(START + timedelta(minutes=21)) == []


@pytest.mark.parametrize("commit", [True, False], ids=["written", "killed before it was written"])
def test_a_restart_in_the_middle_raises_nothing_twice(make_place, commit: bool) -> None:
    place = make_place("a", ["sensor_silent", "call_waiting"])
    minutes(place, 0, 3)
    minutes(place, 3, 10, silent=("A",))
    place.land("emergency_calls", [call("I1", START)], START)
    opened = place.ask(commit=commit)
    assert sorted(states(opened)) == [("opened", "A"), ("opened", "I1")]
    place.restart()
    again = place.ask()
    assert {r["alert_id"] for r in again} == (set() if commit else {r["alert_id"] for r in opened})
    place.restart()
    assert place.ask() == []
    written = place.written()
    assert written["number"].to_list() == [1, 2]
    assert written["alert_id"].n_unique() == 2
    minutes(place, 10, 12)
    place.land("emergency_calls", [call("I1", START, unit_id="U", dispatched_at=place.now)])
    place.ask()
    place.restart()
    closed = place.ask(place.now + timedelta(seconds=310)) + place.ask(place.now + timedelta(seconds=620))
    assert sorted(place.written().filter(pl.col("state") == "closed")["place_id"]) == ["A", "I1"]
    assert ("closed", "A") in states(closed)


def test_rows_landed_while_nobody_looked_are_found_by_the_refill(make_place) -> None:
    place = make_place("a", ["call_waiting"])
    place.land("emergency_calls", [call("I1", START)], START, seen=False)
    place.now = START + timedelta(seconds=200)
    assert place.ask() == []
    place.restart()
    assert states(place.ask()) == [("opened", "I1")]


def test_two_writers_do_not_both_write(make_place) -> None:
    place = make_place("a", ["call_waiting"])
    place.land("emergency_calls", [call("I1", START)], START)
    other = place.engine()
    other.refill(START + timedelta(seconds=200))
    mine, theirs = place.ask(START + timedelta(seconds=200), commit=False), other.evaluate(START + timedelta(seconds=200))
    assert len(mine) == len(theirs) == 1
    assert other.commit(theirs) == 1
    # the very same rows after the very same row are the same commit, done again
    assert place.alarms.book.append(mine, 0) == 1
    with pytest.raises(Overtaken, match="another process"):
        place.alarms.book.append([mine[0] | {"alert_id": "x"}], 0)
    assert place.written().height == 1


def test_followers_read_on_from_a_number(make_place) -> None:
    place = make_place("a", ["call_waiting"])
    for i in range(5):
        place.land("emergency_calls", [call(f"I{i}", START + timedelta(minutes=i))])
        place.ask(START + timedelta(minutes=i, seconds=110))
    book = place.alarms.book
    assert book.since(2)["number"].to_list() == [3, 4, 5]
    assert book.since(2, 2)["number"].to_list() == [3, 4]
    assert book.since(5).height == 0
    place.lake.open("metrics", "alerts").optimize.compact()  # files of other names
    assert book.since(3)["number"].to_list() == [4, 5]
    assert book.last() == 5


def test_a_correction_of_unit_and_clock_is_applied(make_place) -> None:
    place = make_place("a", ["incident_suspected"])
    base = {"road": "R", "direction": "in"}
    place.refer(
        "sensors",
        [
            {"sensor_id": "A", "road_km": 1.0, "occupancy_factor": 0.01, **base},
            {"sensor_id": "B", "road_km": 2.0, "clock_offset_s": 3600, **base},
        ],
    )
    for minute in (0, 1):
        when = START + timedelta(minutes=minute)
        # A says percent of a share, which is what the factor mends; B's clock runs an hour ahead
        rows = [flow("A", when, 0.9), flow("B", when + timedelta(hours=1), 0.001)]
        place.land("traffic_flow", rows, when)
    assert place.ask(START + timedelta(minutes=2)) == [], "0.9 % is no jam"
    for minute in (2, 3):
        when = START + timedelta(minutes=minute)
        place.land("traffic_flow", [flow("A", when, 1.0), flow("B", when + timedelta(hours=1), 0.001)], when)
    assert place.alarms.held()["incident_suspected traffic_flow"] == 4


def test_what_is_held_is_bounded(make_place, monkeypatch) -> None:
    monkeypatch.setattr(alarm_window, "MOST_ROWS", 50)
    place = make_place("a", ["sensor_silent"])
    place.land("traffic_flow", [flow(f"S{i}", START + timedelta(seconds=i)) for i in range(200)])
    place.ask(START + timedelta(minutes=5))
    assert place.alarms.held()["sensor_silent traffic_flow"] == 50
    assert "let go" in place.said[0]


def test_old_rows_are_let_go_and_only_as_many_as_are_needed_are_held(make_place) -> None:
    place = make_place("a", ["sensor_silent", "incident_suspected"])
    place.refer("sensors", [{"sensor_id": n, "road": "R", "road_km": float(i)} for i, n in enumerate("AB")])
    for minute in range(15):
        place.land("traffic_flow", [flow(n, START + timedelta(minutes=minute), lane=k) for n in "ABC" for k in (1, 2)])
        place.ask(START + timedelta(minutes=minute + 1))
    held = place.alarms.held()
    assert held["incident_suspected traffic_flow"] <= 2 * 2 * 8, "C stands on no road"
    place.ask(START + timedelta(hours=20))
    assert place.alarms.held()["sensor_silent traffic_flow"] == 0


def test_a_rule_that_is_wrong_does_not_silence_the_others(make_place, monkeypatch) -> None:
    place = make_place("a", ["call_waiting", "sensor_silent"])
    rule = next(r for r in place.alarms.rules if r.name == "sensor_silent")
    place.alarms.rules[place.alarms.rules.index(rule)] = replace(rule, text="SELECT 1 AS x FROM landed.traffic_flow")
    place.land("traffic_flow", [flow("A", START)])
    place.land("emergency_calls", [call("I1", START)], START)
    assert states(place.ask(START + timedelta(seconds=200))) == [("opened", "I1")]
    assert place.said and place.said[0].startswith("assets/alerts/sensor_silent.sql: ")


def test_an_alert_has_the_columns_of_its_contract(make_place) -> None:
    place = make_place("a", ["call_waiting"])
    place.land("emergency_calls", [call("I1", START)], START)
    place.ask(START + timedelta(seconds=200))
    row = place.written().to_dicts()[0]
    contract = registry.table_contracts()["metrics.alerts"]
    assert set(row) == set(contract.polars_schema("metrics"))
    assert row["alert_id"] == alert_id("call_waiting", "incident", "I1", START)
    assert [set(c) for c in json.loads(row["causes"])] == [{"feed", "source", "position"}]
    assert row["event_date"] == place.city.day_start(START.date()).date()


def test_only_rules_that_are_on_are_asked(tmp_path) -> None:
    place = Place(tmp_path / "lake", ["call_waiting"])
    assert isinstance(place.alarms, Alarms)
    assert place.alarms.feeds == {"emergency_calls"}
    assert place.alarms.landed("traffic_flow", ["no such file"]) == 0
