"""The bench compares what did the same work: the same rows from ours and from bare SQL, one new day at a time."""

from pathlib import Path

import polars as pl

from benchmarks import building, history
from schemas.lake import Lake


def test_bare_sql_refines_the_same_rows(tmp_path: Path) -> None:
    sensors = building.set_up(str(tmp_path), 3_000)
    ours, bare = building.ours(str(tmp_path)), building.bare(str(tmp_path))
    assert ours["rows"] == bare["rows"] == sensors * 1440
    assert min(ours["refine"], ours["measure"], bare["refine"], bare["measure"]) > 0


def test_a_new_day_is_the_only_one_built(tmp_path: Path) -> None:
    assert history.set_up(str(tmp_path), 3, sensors=2) == 3
    history.put(str(tmp_path), 1, 2_880, 2)
    assert history.take(str(tmp_path)) == 1
    by_day = Lake(tmp_path / "lake").scan("refined", "traffic_flow").group_by("event_date").len().sort("event_date").collect()
    assert by_day["len"].to_list() == [2_000, 2_000, 2_000, 2_880]
    assert by_day.filter(pl.col("event_date") > history.LAST_OF_HISTORY).height == 1
