"""Crashes by severity against a slow oracle in plain Python, on random rows. Cases worked by hand are in tests/golden."""

import math
from collections import defaultdict
from datetime import UTC, date, timedelta

import pytest

from .randoms_crashes import crashes

MONTH = date(2026, 3, 1)
"""The month in which Berlin's clocks go forward."""
DAYS = [date(2026, 3, d) for d in (1, 14, 29, 31)]
WEIGHTS = {"K": 542, "A": 29, "B": 11, "C": 6, "I": 11, "O": 1, "U": 0}
NAMES = {
    "K": "killed_crashes",
    "A": "serious_crashes",
    "B": "minor_crashes",
    "C": "possible_crashes",
    "I": "injury_crashes",
    "O": "no_injury_crashes",
    "U": "unknown_crashes",
}


def severity(row):
    if row["severity"] != "U":
        return row["severity"]
    if (row["killed"] or 0) > 0:
        return "K"
    if (row["injured"] or 0) > 0:
        return "I"
    return "O" if row["killed"] == 0 and row["injured"] == 0 else "U"


def told(rows, column):
    known = [r[column] for r in rows if r[column] is not None]
    return sum(known) if known or not rows else None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_crashes_agree_with_the_oracle(town, seed):
    rows = [r for d in [date(2026, 2, 28), *DAYS, date(2026, 4, 1)] for r in crashes(town.city, d, seed, n=3 + 8 * seed)]
    town.put("refined.crashes", rows)
    town.put("reference.districts", [{"district": "west", "valid_from": town.city.day_start(date(2020, 1, 1)).astimezone(UTC)}])
    got = {r["district"]: r for r in town.measure("crash_severity", DAYS[1]).to_dicts()}
    start, end = (town.city.day_start(d).astimezone(UTC) for d in (MONTH, date(2026, 4, 1)))
    held = [r for r in rows if r["valid_to"] is None and start <= r["occurred_at"] < end]
    news = max(r["valid_from"] for r in held)
    by_district = defaultdict(list, {"west": []})
    for row in held:
        by_district[row["district"]].append(row)
    assert set(got) == set(by_district)
    for district, own in by_district.items():
        found, worst = got[district], [severity(r) for r in own]
        assert found["n"] == len(own)
        assert math.isclose(found["coverage_share"], min((news - start) / (end - start), 1))
        assert {n: found[n] for n in NAMES.values()} == {n: worst.count(s) for s, n in NAMES.items()}
        assert (found["killed"], found["injured"]) == (told(own, "killed"), told(own, "injured"))
        ksi, known = worst.count("K") + worst.count("A"), len(own) - worst.count("U")
        graded = known - worst.count("I")
        assert (found["ksi_crashes"], found["epdo"]) == (ksi, sum(WEIGHTS[w] for w in worst))
        reason = "no_crash" if not own else "no_severity" if graded < 0.75 * len(own) else None
        assert found["null_reason"] == reason
        assert found["health_share"] == (known / len(own) if own else None)
        assert found["ksi_share"] == (None if reason else ksi / graded)
        carried = own and known >= 0.75 * len(own)
        assert found["epdo_per_crash"] == (found["epdo"] / known if carried else None)


def test_a_withdrawal_restates_the_month(town):
    rows = crashes(town.city, DAYS[0], 1)
    town.put("refined.crashes", rows)
    before = town.measure("crash_severity", DAYS[0])["n"].sum()
    town.put("refined.crashes", [r | {"valid_to": r["valid_from"] + timedelta(weeks=9)} for r in rows])
    assert before > 0
    assert town.measure("crash_severity", DAYS[0])["n"].sum() == 0
