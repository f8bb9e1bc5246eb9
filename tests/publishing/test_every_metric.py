"""Every metric about people, from random rows of every feed: no released table shows a count of few, in any column."""

import polars as pl
import pytest

from assets.publishing.cells import counts_of
from assets.publishing.gate import gated, release
from assets.publishing.release import Limits
from schemas.publish import Publish
from tests.metrics.conftest import Town
from tests.metrics.test_engine import fill, measure_all

LIMITS = Limits(10, 15, 0.15)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    made = Town(tmp_path_factory.mktemp("released") / "lake", "Europe/Berlin")
    fill(made)
    measure_all(made)
    release(made.lake)
    return made


def rows(town: Town, layer: str, metric: str) -> pl.DataFrame:
    found = town.lake.scan(layer, metric)
    assert found is not None
    return found.collect()


@pytest.mark.slow
@pytest.mark.parametrize("metric", gated())
def test_no_count_of_few_is_released(town: Town, metric: str) -> None:
    contract = gated()[metric]
    publish = contract.publish or Publish()
    least = LIMITS.least(publish)
    told, exact = rows(town, "published", metric), rows(town, "metrics", metric)
    key = ["event_date", *(k for k in contract.key if k != "event_date")]
    assert told.height == exact.height > 0
    assert told.select(key).sort(key).equals(exact.select(key).sort(key)), "every row is there, withheld or not"
    for name in (publish.count, *counts_of(contract)):
        few = told.filter(pl.col(name).is_between(1, least - 1))
        assert few.height == 0, f"{name} shows {few[name].to_list()[:5]}"
    if publish.largest_share:
        assert told[publish.largest_share].is_null().all(), "with the total it tells one customer's amount"
        large = exact.filter(pl.col(publish.largest_share) > LIMITS.share).select(key)
        assert set(told.join(large, on=key, how="semi", nulls_equal=True)["release"]) <= {"suppressed"}
    withheld = told.filter(pl.col("release") == "suppressed")
    left = [c for c in contract.names if c not in (*key, "local_time", "null_reason")]
    assert withheld.select(pl.any_horizontal(pl.col(left).is_not_null()).any()).item() is not True, "a withheld row is empty"
    shown = told.filter(pl.col("release") == "published").join(exact, on=key, suffix=" exact", nulls_equal=True)
    for name in left:
        wrong = shown.filter(pl.col(name).is_not_null() & (pl.col(name) != pl.col(f"{name} exact")))
        assert wrong.height == 0, f"{name} is told otherwise than it was measured"
        listed = pl.col("withheld_columns").fill_null("").str.split(",").list.contains(name)
        gone = pl.col(name).is_null() & pl.col(f"{name} exact").is_not_null()
        assert shown.filter(gone & ~listed).height == 0, f"{name} is missing, and nothing says that it is withheld"
        assert shown.filter(listed & pl.col(name).is_not_null()).height == 0, f"{name} is told, and said to be withheld"
    for split in publish.splits:
        # the only one of a split that is not seen is what the others leave of their total
        unseen = [(pl.col(n).is_null() & (pl.col(f"{n} exact") > 0)) for n in split]
        few = [u & (pl.col(f"{n} exact") < least) for n, u in zip(split, unseen, strict=True)]
        alone = shown.filter((pl.sum_horizontal(unseen) == 1) & pl.any_horizontal(few))
        assert alone.height == 0, f"{split}: the only one withheld follows from the others"
