"""Every rule against cases worked by hand: what lands, when it is asked, and what must change then."""

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from assets.alarm_rules import names
from schemas import registry
from tests.metrics.conftest import expand

GOLDEN = Path(__file__).parent / "golden"
CASES = [(p.parent.name, p) for p in sorted(GOLDEN.glob("*/*.json"))]


@pytest.mark.parametrize(("rule", "path"), CASES, ids=[f"{r}-{p.stem}" for r, p in CASES])
def test_case(make_place, rule: str, path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    assert case["why"], "the working by hand"
    place = make_place("lake", [rule])
    for table, rows in case.get("reference", {}).items():
        place.refer(table, rows)
    for step in case["steps"]:
        now = datetime.fromisoformat(step["at"])
        for feed, rows in step.get("land", {}).items():
            time = registry.feed(feed).event_time or ""
            place.land(feed, expand(rows, time), received_at=now)
        found = place.ask(now)
        assert not place.said
        wanted = step["changes"]
        assert len(found) == len(wanted), f"{step['at']}: {[r['message'] for r in found]}"
        for row, expected in zip(sorted(found, key=lambda r: r["place_id"]), wanted, strict=True):
            assert row["rule"] == rule
            for column, value in expected.items():
                _same(row[column], value, f"{step['at']} {column}")


def _same(found: Any, value: Any, where: str) -> None:
    if isinstance(value, float):
        assert math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-9), f"{where}: {found} is not {value}"
    elif isinstance(found, datetime):
        assert found == datetime.fromisoformat(value), where
    else:
        assert found == value, where


def test_every_rule_has_a_case() -> None:
    assert {r for r, _ in CASES} == set(names())
