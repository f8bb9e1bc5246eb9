"""Energy per meter and half hour, slowly: intervals, differences of counters, gaps and what fills them. No SQL, no frames."""

import math
from collections import defaultdict
from datetime import UTC, timedelta
from itertools import pairwise
from statistics import median_low
from zoneinfo import ZoneInfo

HALF = 1800
EMPTY = {"n": 0, "observed": 0.0, "estimated": 0.0, "kwh": 0.0, "not_valid": 0.0, "spread": 0.0, "linear": 0.0, "like": 0.0}


def channels(rows):
    """Rows by meter, direction and register, but those that say they are none, in order."""
    out = defaultdict(list)
    for r in sorted(rows, key=lambda r: r["ended_at"]):
        if r["quality"] != "missing":
            out[r["meter_id"], r["direction"], r["register"]].append(r)
    return out


def differences(meter, states, devices):
    """[(from, to, kWh or None, is valid)] between the states of one counter."""
    devices = sorted((d for d in devices if d["meter_id"] == meter), key=lambda d: d["valid_from"])
    out = []
    for a, b in pairwise(states):
        pairs = pairwise(devices)
        swaps = [new for old, new in pairs if new.get("serial") and old.get("serial") and new["serial"] != old["serial"]]
        swaps = [x for x in swaps if a["ended_at"] < x["valid_from"] <= b["ended_at"]]
        in_force = [d for d in devices if d["valid_from"] <= b["ended_at"]]
        top = (in_force[-1].get("register_max_kwh") if in_force else None) or math.nan
        before, now, kwh, valid = a["reading_kwh"], b["reading_kwh"], None, a["quality"] == b["quality"] == "valid"
        if len(swaps) == 1:
            removed, first = swaps[0].get("removed_reading_kwh"), swaps[0].get("first_reading_kwh")
            if removed is not None and first is not None and removed >= before and now >= first:
                kwh = removed - before + now - first
        elif not swaps and now >= before:
            kwh = now - before
        elif not swaps and 0.9 * top <= before <= top and now <= top * (1 - 0.9):
            kwh = now + top - before
        elif not swaps and now <= 0.1 * before:
            kwh, valid = now, False
        out.append((a, b, kwh, valid))
    return out


class Register:
    """One register of a meter around one day; times are seconds since the day began."""

    def __init__(self, city, day, key, rows, devices):
        self.start, self.seconds = city.day_start(day).astimezone(UTC), city.day_seconds(day)
        self.city, self.day, self.rows = city, day, rows
        near = lambda r: abs((self.date(r) - day).days) <= 1  # noqa: E731
        deltas = [r for r in rows if r["energy_kwh"] is not None]
        self.measured, self.around, self.spread = [], [], []
        for r in deltas:
            to = (r["ended_at"] - self.start).total_seconds()
            span = (to - r["interval_s"], to, r["energy_kwh"], r["quality"] == "valid")
            if near(r):
                self.around.append(span)
            if self.date(r) in (day, day - timedelta(days=1)):
                self.measured.append(span)
        states = [r for r in rows if r["energy_kwh"] is None and r.get("reading_kwh") is not None]
        steps = [s for s in differences(key[0], states, devices) if near(s[1]) and (day - self.date(s[0])).days <= 28]
        usual = median_low([(b["ended_at"] - a["ended_at"]).total_seconds() for a, b, _, _ in steps]) if steps else 0
        for a, b, kwh, valid in steps:
            begin, to = ((x["ended_at"] - self.start).total_seconds() for x in (a, b))
            if kwh is not None and kwh * 3600 <= (to - begin) * 50000:
                (self.spread if to - begin > 1.5 * usual else self.measured).append((begin, to, kwh, valid))
                self.around.append((begin, to, kwh, valid))
        self.halves = defaultdict(lambda: dict(EMPTY))
        self.fill()

    def date(self, r):
        return self.wall(r["ended_at"] - timedelta(seconds=r["interval_s"])).date()

    def wall(self, at):
        return at.astimezone(ZoneInfo(self.city.zone))

    def cut(self, begin, to):
        begin, to = max(begin, 0), min(to, self.seconds)
        i = int(begin // HALF)
        while begin < to:
            end = min(to, (i + 1) * HALF)
            yield i, begin, end
            begin, i = end, i + 1

    def fill(self):
        for begin, to, kwh, valid in self.measured:
            for i, a, b in self.cut(begin, to):
                half, part = self.halves[i], kwh * (b - a) / (to - begin)
                half["n"] += 1
                half["observed"] += b - a
                half["kwh"] += part
                half["not_valid"] += 0 if valid else part
        for half in self.halves.values():
            half["observed"] = min(half["observed"], HALF)
        for begin, to, kwh, _ in self.spread:
            for i, a, b in self.cut(begin, to):
                self.estimate(i, b - a, kwh * (b - a) / (to - begin), "spread")
        self.spoke = bool(self.halves)
        beside = {self.date(r) for r in self.rows if r["energy_kwh"] is not None}
        self.bridged = {self.day - timedelta(days=1), self.day + timedelta(days=1)} <= beside
        if not (self.spoke or self.bridged) or sum(h["observed"] + h["estimated"] for h in self.halves.values()) >= self.seconds:
            return
        known, last = None, None
        for span in sorted(self.around, key=lambda s: s[:2]):
            if span[0] > max(0, known or 0) and (known or 0) < self.seconds:
                self.gap(known, last, span)
            if known is None or span[1] > known:
                known, last = span[1], span

    def gap(self, known, last, span):
        short = last is not None and span[0] - known <= 7200
        middle = lambda s: (s[0] + s[1]) / 2  # noqa: E731
        power = lambda s: s[2] / (s[1] - s[0])  # noqa: E731
        for i, a, b in self.cut(known or 0, span[0]):
            if short:
                rise = (power(span) - power(last)) / (middle(span) - middle(last))
                self.estimate(i, b - a, (b - a) * (power(last) + rise * ((a + b) / 2 - middle(last))), "linear")
            elif (like := self.like(i)) is not None:
                self.estimate(i, b - a, (b - a) * like, "like")

    def like(self, i):
        """kWh a second in the same half hour of the wall clock on the same weekday, four weeks back."""
        wall = self.wall(self.start + timedelta(seconds=i * HALF))
        slot = wall.hour * 2 + wall.minute // 30
        kwh, seconds = 0.0, 0.0
        for r in self.rows:
            if r["energy_kwh"] is None or r["quality"] != "valid" or (self.day - self.date(r)).days not in (7, 14, 21, 28):
                continue
            begun = self.wall(r["ended_at"] - timedelta(seconds=r["interval_s"]))
            begin = begun.hour * 3600 + begun.minute * 60 + begun.second
            overlap = min(begin + r["interval_s"], (slot + 1) * HALF) - max(begin, slot * HALF)
            if overlap > 0:
                kwh, seconds = kwh + r["energy_kwh"] * overlap / r["interval_s"], seconds + overlap
        return kwh / seconds if seconds else None

    def estimate(self, i, seconds, kwh, how):
        self.halves[i]["estimated"] += seconds
        self.halves[i][how] += kwh


def half_hours(city, day, rows, devices):
    """(meter, direction) -> register -> half hour -> parts, of what was said about the day; 'total' holds the others."""
    out = defaultdict(dict)
    for key, of_key in channels(rows).items():
        out[key[:2]][key[2]] = Register(city, day, key, of_key, devices)
    told = {}
    for meter, registers in out.items():
        # registers that said nothing of the day are not expected on it; but a meter of which none did, and that is estimated, is
        spoke = {n: r.halves for n, r in registers.items() if r.spoke} or {n: r.halves for n, r in registers.items() if r.bridged}
        if any(spoke.values()):
            told[meter] = {"total": spoke["total"]} if "total" in spoke else spoke
    return told
