"""Every metric against cases worked by hand (tests/golden). How the engine runs them is tested in test_engine."""

import math
from datetime import date, datetime

import polars as pl
import pytest

from schemas import registry

from .conftest import GOLDEN, golden

CASES = [(m, c) for m in registry.metrics() for c in golden(m)]


@pytest.mark.parametrize(("metric", "case"), CASES, ids=[f"{m}/{c['file']}" for m, c in CASES])
def test_the_metric_is_what_was_worked_by_hand(make_town, metric, case):
    town, day = make_town("golden", case["zone"]), date.fromisoformat(case["day"])
    town.take(case)
    got = town.measure(metric, day)
    assert got.height == case["rows"]
    for expected in case["expect"]:
        found = got.filter(pl.all_horizontal(pl.col(k).cast(pl.String) == _text(got, k, v) for k, v in expected["where"].items()))
        assert found.height == 1, expected["where"]
        for column, value in expected["is"].items():
            _same(found[column][0], value, f"{expected['where']} {column}")


def test_every_metric_has_a_golden_case():
    assert {m for m, _ in CASES} == set(registry.metrics())
    assert {p.name for p in GOLDEN.iterdir() if p.is_dir()} >= set(registry.metrics())


def _text(frame: pl.DataFrame, column: str, value: object) -> str:
    """The value as Polars writes a value of that column."""
    if frame.schema[column] == pl.Datetime("us"):
        return f"{value}.000000"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _same(found: object, value: object, where: str) -> None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        assert found is not None and math.isclose(found, value, rel_tol=1e-9, abs_tol=1e-9), f"{where}: {found} is not {value}"
    else:
        assert (str(found) if isinstance(found, datetime) else found) == value, f"{where}: {found} is not {value}"
