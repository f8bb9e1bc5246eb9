"""Several releases of a metric and of its total, kept by an attacker who subtracts them; through a lake, by the gate itself."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.publishing import gate
from schemas import registry
from schemas.column import Column
from schemas.contract import Contract
from schemas.lake import Lake
from schemas.measure import NULL_REASON, N
from schemas.publish import Publish

from .attacker import bounds

K = 10
FIRST = date(2026, 5, 1)
COLUMNS = (Column("district", "string", "district", nullable=False), Column("kind", "string", "kind", nullable=False))
SUM_S = Column("sum_s", "float", "seconds", unit="s")


def contract(name: str, period: str, publish: Publish) -> Contract:
    return Contract(
        name,
        "metric",
        "safety",
        1,
        "Counts.",
        (*COLUMNS, N, SUM_S, NULL_REASON),
        ("district", "kind"),
        period=period,
        publish=publish,
    )


MONTHLY = contract("counts_monthly", "month", Publish())
DAILY = contract("counts_daily", "day", Publish(of="counts_monthly"))


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    monkeypatch.setattr(registry, "metrics", lambda: {c.name: c for c in (MONTHLY, DAILY)})
    return Lake(tmp_path / "lake")


def put(lake: Lake, counts: pl.DataFrame, stem: str) -> None:
    """The metric and its total, as measured from these counts (event_date, district, kind, n)."""
    months = counts.group_by(pl.col("event_date").dt.truncate("1mo"), "district", "kind").agg(pl.col("n").sum())
    for of, rows in ((DAILY, counts), (MONTHLY, months)):
        full = rows.with_columns(sum_s=pl.col("n") * 60.0, null_reason=pl.lit(None, pl.String))
        days = full["event_date"].unique().to_list()
        parts = [lake.write_part("metrics", of.name, d, stem, full.filter(pl.col("event_date") == d)) for d in days]
        lake.replace("metrics", of.name, of.arrow_schema("metrics"), parts)


def told(lake: Lake, of: Contract) -> pl.DataFrame:
    found = lake.scan("published", of.name)
    assert found is not None
    return found.collect().sort("event_date", "district", "kind")


def history(seed: int, releases: int = 6) -> Iterator[pl.DataFrame]:
    """Days come one by one, and rows of earlier days come late or are withdrawn."""
    rng = np.random.default_rng(seed)
    every = [(FIRST + timedelta(days=d), f"d{i}", f"k{j}") for d in range(releases) for i in range(2) for j in range(2)]
    counts = pl.DataFrame(every, schema=["event_date", "district", "kind"], orient="row").with_columns(
        n=pl.Series(rng.negative_binomial(1, 0.06, len(every)), dtype=pl.Int64)
    )
    for day in range(1, releases + 1):
        yield counts.filter((pl.col("event_date") < FIRST + timedelta(days=day)) & (pl.col("n") > 0))
        late = pl.Series(rng.integers(-3, 6, counts.height) * (rng.random(counts.height) < 0.25))
        counts = counts.with_columns((pl.col("n") + late).clip(0))


def attacked(seen: list[tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]]) -> list[tuple[int, float]]:
    """(true count, width of what it can be) of every withheld row of the daily table, in every release.

    Args:
        seen: of each release the true counts, and what was told by day and by month.

    The attacker even knows which rows did not change from one release to the next.
    """
    unknown: dict[tuple, int] = {}
    equations, truth, now = [], {}, {}
    for release, (counts, daily, monthly) in enumerate(seen):
        shown = {
            r[:3]: r[3]
            for r in daily.filter(pl.col("release") == "published").select("event_date", "district", "kind", "n").rows()
        }
        true = {r[:3]: r[3] for r in counts.select("event_date", "district", "kind", "n").rows()}
        before, now = now, {}
        for row, count in true.items():
            # a row that did not change is the same unknown
            was = before.get(row)
            now[row] = was if was and truth[was] == count else (release, *row)
            truth[now[row]] = count
            if row in shown:
                assert shown[row] == count
                equations.append(({now[row]: 1.0}, float(count)))
            unknown.setdefault(now[row], count)
        for month, district, kind, n in (
            monthly.filter(pl.col("release") == "published").select("event_date", "district", "kind", "n").rows()
        ):
            parts = {now[r]: 1.0 for r in true if r[1:] == (district, kind) and r[0].replace(day=1) == month}
            equations.append((parts, float(n)))
    seen_ever = {next(iter(terms)) for terms, _ in equations if len(terms) == 1}
    found = bounds(list(unknown), equations)
    return [(truth[c], high - low) for c, (low, high) in found.items() if c not in seen_ever]


@pytest.mark.parametrize("seed", range(12))
def test_two_releases_subtracted_tell_no_withheld_count(lake: Lake, seed: int) -> None:
    seen = []
    for number, counts in enumerate(history(seed)):
        put(lake, counts, f"r{number}")
        gate.release(lake)
        seen.append((counts, told(lake, DAILY), told(lake, MONTHLY)))
    found = attacked(seen)
    assert found, "nothing was withheld: the attack had no aim"
    assert min(width for _, width in found) >= 1, "a withheld count was worked out to the one"
    assert any((m["release"] == "published").any() for *_, m in seen), "totals are published where they tell nothing"


def test_the_attack_works_on_tables_that_forget(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """With small rows withheld alone, and totals as they are, counts come out: the test above can fail."""

    def naive(rows: pl.DataFrame, *_: object) -> tuple[pl.DataFrame, int]:
        few = (pl.col("n") > 0) & (pl.col("n") < K)
        out = rows.with_columns(
            pl.when(few).then(pl.lit("suppressed")).otherwise(pl.lit("published")).alias("release"),
            pl.lit("[]").alias("_cells"),
        )
        return out, 0

    monkeypatch.setattr(gate, "released", naive)
    seen = []
    for number, counts in enumerate(history(1)):
        put(lake, counts, f"r{number}")
        gate.release(lake)
        seen.append((counts, told(lake, DAILY), told(lake, MONTHLY)))
    assert min(width for _, width in attacked(seen)) < 1e-6


def rows(*counts: tuple[int, str, str, int]) -> pl.DataFrame:
    """Counts by (day of the month, district, kind, n)."""
    return pl.DataFrame(
        [(FIRST + timedelta(days=d - 1), *rest) for d, *rest in counts],
        schema=["event_date", "district", "kind", "n"],
        orient="row",
    )


def test_a_withheld_row_keeps_its_key_and_nothing_else(lake: Lake) -> None:
    put(lake, rows((1, "d0", "k0", 4), (1, "d0", "k1", 25)), "a")
    assert [(r.metric, r.published, r.suppressed) for r in gate.release(lake)] == [
        ("counts_daily", 1, 1),
        ("counts_monthly", 1, 1),
    ]
    small, large = told(lake, DAILY).to_dicts()
    assert (small["n"], small["sum_s"], small["null_reason"], small["release"]) == (None, None, "suppressed", "suppressed")
    assert (large["n"], large["sum_s"], large["null_reason"], large["release"]) == (25, 1500.0, None, "published")


def test_a_count_that_fell_under_the_limit_stays_as_it_was_published(lake: Lake) -> None:
    """11 were published; one is withdrawn and one more comes on another day. The month's 24 stay 24, or 9 would be told."""
    put(lake, rows((1, "d0", "k0", 11), (2, "d0", "k0", 13)), "a")
    gate.release(lake)
    put(lake, rows((1, "d0", "k0", 9), (2, "d0", "k0", 14)), "b")
    gate.release(lake)
    assert told(lake, DAILY).select("n", "release").rows() == [(11, "held"), (14, "published")]
    assert told(lake, MONTHLY).select("n", "release").rows() == [(24, "held")]


def test_a_withheld_row_is_told_once_it_changed_by_the_limit(lake: Lake) -> None:
    for stem, count, release in (("a", 9, "suppressed"), ("b", 12, "suppressed"), ("c", 19, "published")):
        put(lake, rows((1, "d0", "k0", count)), stem)
        gate.release(lake)
        assert told(lake, DAILY)["release"].to_list() == [release]


def test_nothing_changed_is_nothing_released(lake: Lake) -> None:
    put(lake, rows((1, "d0", "k0", 4), (2, "d0", "k0", 25)), "a")
    assert [r.partitions for r in gate.release(lake)] == [2, 1]
    before = [f.path for f in lake.files("published", DAILY.name)]
    assert [r.partitions for r in gate.release(lake)] == [0, 0]
    assert [f.path for f in lake.files("published", DAILY.name)] == before


def test_counts_that_add_up_give_none_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand. Of 14 = 12 + 2 the 2 is withheld, and with it the 12, or the 2 would be told. The totals of web and app over the
    districts ask for one more each: not c's 12, which is known from 12 and 0, but b's 25 and 15.
    """
    split = tuple(Column(n, "int", n) for n in ("web_n", "app_n"))
    share = Column("web_share", "float", "share", unit="share", formula="web_n / n")
    by_channel = Contract(
        "channels", "metric", "services", 1, "Channels.", (COLUMNS[0], N, *split, share), ("district",),
        publish=Publish(splits=(("web_n", "app_n"),), across=("district",)),
    )  # fmt: skip
    monkeypatch.setattr(registry, "metrics", lambda: {"channels": by_channel})
    lake = Lake(tmp_path / "lake")
    counts = [("a", 14, 12, 2), ("b", 40, 25, 15), ("c", 12, 12, 0), ("d", 90, 50, 40)]
    frame = pl.DataFrame(counts, schema=["district", "n", "web_n", "app_n"], orient="row")
    frame = frame.with_columns(web_share=pl.col("web_n") / pl.col("n"))
    lake.replace(
        "metrics", "channels", by_channel.arrow_schema("metrics"), [lake.write_part("metrics", "channels", FIRST, "a", frame)]
    )
    gate.release(lake)
    found = lake.scan("published", "channels")
    assert found is not None
    shown = found.sort("district").select("n", "web_n", "app_n", "web_share", "withheld_columns").collect().rows()
    gone = (None, None, None, "web_n,app_n,web_share")
    assert shown == [(14, *gone), (40, *gone), (12, 12, 0, 1.0, None), (90, 50, 40, 50 / 90, None)]


def test_a_day_that_lost_its_rows_is_released_empty(lake: Lake) -> None:
    put(lake, rows((1, "d0", "k0", 25)), "a")
    gate.release(lake)
    for of in (DAILY, MONTHLY):
        empty = pl.DataFrame(schema=of.polars_schema("metrics"))
        lake.replace("metrics", of.name, of.arrow_schema("metrics"), [lake.write_part("metrics", of.name, FIRST, "b", empty)])
    assert [r.partitions for r in gate.release(lake)] == [1, 1]
    assert told(lake, DAILY).height == told(lake, MONTHLY).height == 0


def test_fifteen_fifteen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """14 customers are too few; of 40, one with 20 % of the load is too large; 15 of which none has over 15 % are told."""
    share = Column("highest_meter_share", "float", "share of the largest", unit="share")
    meters = Column("meters", "int", "meters")
    energy = Contract(
        "loads", "metric", "energy", 1, "Loads.", (*COLUMNS, N, meters, share), ("district", "kind"),
        publish=Publish("meters", largest_share="highest_meter_share"),
    )  # fmt: skip
    monkeypatch.setattr(registry, "metrics", lambda: {"loads": energy})
    lake = Lake(tmp_path / "lake")
    frame = pl.DataFrame(
        {
            "district": ["a", "b", "c"],
            "kind": ["x"] * 3,
            "n": [900] * 3,
            "meters": [14, 40, 15],
            "highest_meter_share": [0.1, 0.2, 0.15],
        }
    )
    part = lake.write_part("metrics", "loads", FIRST, "a", frame)
    lake.replace("metrics", "loads", energy.arrow_schema("metrics"), [part])
    gate.release(lake)
    found = lake.scan("published", "loads")
    assert found is not None
    assert found.sort("district").collect()["release"].to_list() == ["suppressed", "suppressed", "published"]
