"""Alerts of cameras against slow plain Python on random streams: late, repeated, corrected and out-of-order rows."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.alerts.conftest import START

SEEDS = [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 3))]
RULES = ("person_down", "intrusion", "wrong_way")
COOL, WINDOW = timedelta(seconds=300), timedelta(seconds=1800)
AREAS = {"K0": 40.0, "K1": 45.0, "K2": None, "K3": 25.0}


class Memory:
    """What is open, and what was closed, as the engine should have it."""

    def __init__(self, window: timedelta) -> None:
        self.window = window
        self.open: dict[str, datetime] = {}
        self.gone: dict[str, datetime] = {}
        self.closed: dict[str, tuple[datetime, datetime]] = {}

    def judge(self, found: dict[str, tuple[datetime, datetime]], now: datetime) -> None:
        """Places at which a rule holds: since when, and the latest event."""
        for place, (since, latest) in found.items():
            if place in self.open:
                self.gone.pop(place, None)
            elif place not in self.closed or (latest > self.closed[place][0] and since != self.closed[place][1]):
                self.open[place] = since
        for place in set(self.open) - set(found):
            self.gone.setdefault(place, now)
            if now - self.gone[place] >= COOL:
                self.closed[place] = (self.gone.pop(place), self.open.pop(place))
        self.closed = {p: c for p, c in self.closed.items() if c[0] >= now - self.window}


def known(sent: list[tuple[datetime, dict]], now: datetime, window: timedelta) -> list[dict[str, Any]]:
    """The latest version of each event that was captured within the window."""
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for received, row in sent:
        latest[row["camera_id"], row["event_id"]] = row | {"at": received}
    return [r for r in latest.values() if now - window <= r["captured_at"] <= now + timedelta(minutes=10)]


def play(place, rng: random.Random, rule: str, window: timedelta, sent: list[tuple[datetime, dict]], holds) -> int:
    memory, now, state, done, changes = Memory(window), START, set(), 0, 0
    sent.sort(key=lambda s: s[0])
    while done < len(sent) or now < sent[-1][0] + timedelta(minutes=20):
        now += timedelta(seconds=rng.randrange(2, 240))
        fresh = [s for s in sent[done:] if s[0] <= now]
        done += len(fresh)
        if fresh:
            place.land("camera_events", [row | {"_received_at": at} for at, row in rng.sample(fresh, len(fresh))])
        for row in place.ask(now):
            assert row["rule"] == rule
            (state.add if row["state"] == "opened" else state.remove)(row["place_id"])
            changes += 1
        memory.judge(holds(known(sent[:done], now, window), now), now)
        assert state == set(memory.open), now
    assert not place.said
    return changes


@pytest.mark.parametrize(("rule", "seed"), [("person_down", 0), *(pytest.param(r, 1, marks=pytest.mark.slow) for r in RULES)])
def test_events(make_place, rule: str, seed: int) -> None:
    rng, sent = random.Random(f"{rule} {seed}"), []
    for i in range(50):
        row = {"camera_id": f"K{rng.randrange(4)}", "event_id": f"e{i}", "kind": rng.choice([rule, rule, "abandoned_object"])}
        row |= {
            "captured_at": START + timedelta(seconds=rng.randrange(5400)),
            "confidence": rng.choice([None, rng.random(), 0.5]),
        }
        received = row["captured_at"] + timedelta(seconds=rng.choice([0, 2, 5, 400, 2000]))
        sent.append((received, row))
        if rng.random() < 0.3:
            sent.append(
                (received + timedelta(seconds=1 + rng.randrange(600)), row | {"confidence": rng.choice([row["confidence"], 0.1])})
            )

    def holds(rows: list[dict], now: datetime) -> dict[str, tuple[datetime, datetime]]:
        found: dict[str, list[datetime]] = {}
        for r in rows:
            is_sure = r["confidence"] is None or r["confidence"] >= 0.5
            if r["kind"] == rule and is_sure and (now - max(r["captured_at"], r["at"])).total_seconds() <= 300:
                found.setdefault(r["camera_id"], []).append(r["captured_at"])
        return {c: (min(times), max(times)) for c, times in found.items()}

    place = make_place("lake", [rule])
    place.refer("cameras", [{"camera_id": c, "district": "North", "area_m2": a} for c, a in AREAS.items()])
    assert play(place, rng, rule, WINDOW, sent, holds) > 4


@pytest.mark.parametrize("seed", SEEDS)
def test_crowds(make_place, seed: int) -> None:
    rng, sent = random.Random(f"crowds {seed}"), []
    for camera in AREAS:
        at, dense = 0.0, rng.random() < 0.5
        while at < 5400:
            dense = dense if rng.random() < 0.8 else not dense
            at += rng.choice([60, 300, 300, 590, 700, 1500])
            row = {"camera_id": camera, "event_id": f"e{at}", "kind": "crowd_count", "captured_at": START + timedelta(seconds=at)}
            row |= {
                "people_count": rng.randrange(215, 330) if dense else rng.randrange(150),
                "confidence": rng.choice([None, 0.9, 0.9, 0.4]),
            }
            row |= {"area_m2": rng.choice([None, 40.0])}
            sent.append((row["captured_at"] + timedelta(seconds=rng.choice([1, 1, 3, 200])), row))

    def holds(rows: list[dict], now: datetime) -> dict[str, tuple[datetime, datetime]]:
        found = {}
        for camera, own in AREAS.items():
            counts = [r for r in rows if r["camera_id"] == camera and (r["confidence"] or 1) >= 0.5 and (r["area_m2"] or own)]
            counts = sorted(
                (r for r in counts if (now - r["captured_at"]).total_seconds() <= 1200), key=lambda r: r["captured_at"]
            )
            run: list[datetime] = []
            for r in counts:
                run = [*run, r["captured_at"]] if r["people_count"] / (r["area_m2"] or own) >= 5 else []
            if len(run) >= 2 and (now - run[-1]).total_seconds() <= 600:
                found[camera] = (run[0], run[-1])
        return found

    place = make_place("lake", ["crowd_dangerous"])
    place.refer("cameras", [{"camera_id": c, "district": "North", "area_m2": a} for c, a in AREAS.items()])
    assert play(place, rng, "crowd_dangerous", timedelta(seconds=3600), sent, holds) > 1
