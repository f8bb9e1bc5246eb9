"""The engine against slow plain Python on random streams: late, repeated and out-of-order rows, row by row."""

import random
from datetime import datetime, timedelta

import pytest

from tests.alerts.conftest import START, call, flow

LIMITS = {"emergency": 106, "urgent": 300, "routine": 900, "other": 300}


def follow(events: list[tuple[str, str]], state: dict[str, str]) -> None:
    for what, who in events:
        state[who] = what


SEEDS = [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 5))]


@pytest.mark.parametrize("seed", SEEDS)
def test_call_waiting(make_place, seed: int) -> None:
    rng = random.Random(seed)
    sent: list[tuple[datetime, dict]] = []
    for i in range(40):
        received = START + timedelta(seconds=rng.randrange(1800))
        priority = rng.choice(list(LIMITS))
        entry = call(f"I{i}", received, priority=priority)
        sent.append((received + timedelta(seconds=rng.randrange(60)), entry))
        if rng.random() < 0.2:
            sent.append((received + timedelta(seconds=rng.randrange(2000)), entry))
        for unit in range(rng.randrange(3)):
            dispatched = received + timedelta(seconds=rng.randrange(20, 1200))
            seen = dispatched + timedelta(seconds=rng.randrange(30))
            sent.append((seen, entry | {"unit_id": f"U{unit}", "dispatched_at": dispatched}))
    place, now, state, done = make_place(str(seed), ["call_waiting"]), START, {}, 0
    sent.sort(key=lambda s: s[0])
    ever: set[str] = set()
    for _ in range(45):
        now += timedelta(seconds=rng.randrange(1, 120))
        fresh = [s for s in sent[done:] if s[0] <= now]
        done += len(fresh)
        rng.shuffle(fresh)
        for received, row in fresh:
            place.land("emergency_calls", [row], received)
        follow([(r["state"], r["place_id"]) for r in place.ask(now)], state)
        # the oracle looks at every row that was ever sent
        known = [row for _, row in sent[:done]]
        waiting = set()
        for name in {r["incident_id"] for r in known}:
            mine = [r for r in known if r["incident_id"] == name]
            served = any(r.get("dispatched_at") for r in mine)
            waited = (now - min(r["received_at"] for r in mine)).total_seconds()
            if not served and waited > LIMITS[mine[0]["priority"]]:
                waiting.add(name)
        ever |= waiting
        assert {p for p, s in state.items() if s == "opened"} == waiting, now
    written = place.written()
    assert set(written["place_id"]) == ever
    assert written.select("alert_id", "state").is_duplicated().sum() == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_sensor_silent(make_place, seed: int) -> None:
    rng = random.Random(100 + seed)
    sensors = {f"S{i:02}": rng.choice([30, 60, 120]) for i in range(25)}
    quiet = {s: sorted(rng.sample(range(4500), 4)) for s in sensors}
    sent: list[tuple[datetime, dict]] = []
    for name, interval in sensors.items():
        for k in range(4500 // interval):
            from_s = k * interval
            if any(a <= from_s < b for a, b in zip(quiet[name][::2], quiet[name][1::2], strict=True)) and name < "S08":
                continue
            late = rng.choice([3, 5, 8, 8, 600]) if rng.random() < 0.05 else 4
            row = flow(name, START + timedelta(seconds=from_s), interval_s=interval)
            sent.append((START + timedelta(seconds=from_s + interval + late), row))
            if rng.random() < 0.02:
                sent.append((START + timedelta(seconds=from_s + interval + late + rng.randrange(900)), row))
    sent.sort(key=lambda s: s[0])
    place, now, state, done = make_place(str(seed), ["sensor_silent"]), START, {}, 0
    back: dict[str, datetime] = {}
    while done < len(sent):
        now += timedelta(seconds=rng.randrange(10, 120))
        fresh = [s for s in sent[done:] if s[0] <= now]
        done += len(fresh)
        if fresh:
            place.land("traffic_flow", [row for _, row in fresh])
        follow([(r["state"], r["place_id"]) for r in place.ask(now)], state)
        ends: dict[str, datetime] = {}
        for _, row in sent[:done]:
            end = row["observed_at"] + timedelta(seconds=row["interval_s"])
            ends[row["sensor_id"]] = max(end, ends.get(row["sensor_id"], end))
        if not ends:
            continue
        ranked = sorted(ends.values())
        reached = min(ranked[max(-(-9 * len(ranked) // 10), 1) - 1], now)
        silent = {s for s, e in ends.items() if (reached - e).total_seconds() > max(3 * sensors[s], 300)}
        # an alert that is open stays so until it was well for the cool-down
        wanted = set(silent)
        for name in {p for p, s in state.items() if s == "opened"} | set(back):
            if name in silent:
                back.pop(name, None)
            elif name in back or state.get(name) == "opened":
                back.setdefault(name, now)
                if (now - back[name]).total_seconds() < 300:
                    wanted.add(name)
                else:
                    back.pop(name)
        assert {p for p, s in state.items() if s == "opened"} == wanted, now
    assert place.written().filter(state="opened").height > 0
