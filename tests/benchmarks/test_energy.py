"""The readings of the energy benchmark: gaps in two of a hundred meters, of which ours and bare SQL say the same."""

from pathlib import Path

import polars as pl
import pytest

from benchmarks import energy_files, energy_ours
from schemas.lake import Lake

METERS = 200


@pytest.mark.slow
def test_a_day_has_gaps_that_are_estimated_and_bare_sql_says_the_same(tmp_path: Path) -> None:
    gone = sum(energy_files.GAPS.values()) * METERS // 100
    assert energy_files.make(str(tmp_path), METERS * 96) == METERS * 96 - gone
    energy_ours.health(str(tmp_path))
    assert set(energy_ours.ours(str(tmp_path))) == set(energy_ours.bare(str(tmp_path))) == set(energy_ours.METRICS)
    for ours_kwh, bare_kwh in energy_ours.told(str(tmp_path)):
        assert ours_kwh == bare_kwh > 0
    loads = Lake(tmp_path / "lake").scan("metrics", "energy_load_30min")
    assert loads is not None
    sums = loads.select(pl.sum("n", "interpolated_kwh", "like_days_kwh", "spread_kwh")).collect().row(0)
    assert sums[0] == METERS * 96 - gone and min(sums[1:3]) > 0 == sums[3]
