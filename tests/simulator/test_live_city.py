"""The live city: the same from the same seed, at its rate, with its faults and with what raises alerts; and its reckoning."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.simulator.faults import FaultRates
from pipelines.simulator.live_city import LIVE_RATES, LiveCity
from pipelines.simulator.live_messages import line_hash
from pipelines.simulator.live_publisher import PUBLISHED
from pipelines.simulator.live_reckoning import Reckoning, reckon
from schemas import registry
from schemas.city import City
from schemas.contract import QUARANTINE, arrow
from schemas.lake import Lake, Step
from tests.good_rows import DAY, good_rows

CITY = City("Testville", "Europe/Berlin")
BEGIN = int(datetime(2026, 6, 2, 10, 0, 50, tzinfo=UTC).timestamp())
RATE, SECONDS = 400, 45


def sent(rates: FaultRates | None = LIVE_RATES, step_s: float = 0.5, **more: int) -> tuple[LiveCity, pl.DataFrame, pl.DataFrame]:
    """A city, its messages of SECONDS with their feed, and their lines."""
    city = LiveCity(CITY, BEGIN, RATE, rates=rates, **more)
    messages, lines = [], []
    for at in np.arange(BEGIN, BEGIN + SECONDS, step_s):
        for due in city.due(float(at)):
            messages.append(due.messages.with_columns(feed=pl.lit(due.feed), given_s=pl.lit(float(at))))
            lines.append(due.lines)
    return city, pl.concat(messages), pl.concat(lines)


@pytest.fixture(scope="module")
def faultless() -> tuple[LiveCity, pl.DataFrame, pl.DataFrame]:
    return sent(None)


def rows(messages: pl.DataFrame, feed: str) -> pl.DataFrame:
    texts = [line for p in messages.filter(pl.col("feed") == feed)["payload"] for line in p.decode().split("\n")]
    return pl.DataFrame([json.loads(t) for t in texts], infer_schema_length=None)


def test_the_same_seed_gives_the_same_messages_however_often_one_asks() -> None:
    order = ["feed", "message"]
    _, one, _ = sent(step_s=0.5)
    _, other, _ = sent(step_s=3.0)
    until = pl.col("given_s") <= BEGIN + SECONDS - 4
    payloads = set(other["payload"])
    assert one.filter(until).height > 1000
    assert set(one.filter(until)["payload"]) <= payloads
    assert one.sort(order)["message"].is_unique().all()


def test_it_sends_about_so_many_rows_a_second(faultless: tuple[LiveCity, pl.DataFrame, pl.DataFrame]) -> None:
    _, messages, lines = faultless
    assert lines.height == pytest.approx(RATE * SECONDS, rel=0.1)
    assert set(messages["feed"]) == {"traffic_flow", "meter_readings", "emergency_calls"}


@pytest.mark.parametrize("most", [1, 4])
def test_rows_share_a_message_up_to_a_number(most: int) -> None:
    _, messages, lines = sent(None, lines_per_message=most)
    per_message = lines.group_by("message").len()["len"]
    assert per_message.max() == most
    assert messages.height == per_message.len()
    by_message = {m: len(p.split(b"\n")) for m, p in messages.select("message", "payload").iter_rows()}
    assert by_message == dict(lines.group_by("message").len().iter_rows())


def test_without_faults_no_event_is_sent_twice_but_by_the_desk(faultless: tuple[LiveCity, pl.DataFrame, pl.DataFrame]) -> None:
    _, _, lines = faultless
    for feed in registry.feeds():
        mine = lines.filter(pl.col("feed") == feed)
        assert mine["key"].null_count() == 0
        if feed != "emergency_calls":
            assert mine["key"].is_unique().all()


def test_faults_are_in_the_text_and_told_in_the_lines() -> None:
    often = FaultRates(**{k: min(v * 40, 0.03) for k, v in vars(LIVE_RATES).items()})
    _, messages, lines = sent(often)
    told = dict(lines.drop_nulls("fault").group_by("fault").len().iter_rows())
    assert {"repeat", "truncated", "not_utf8", "nul_bytes", "text_number", "nan", "array_line", "missing_value"} <= set(told)
    text = b"\n".join(messages["payload"])
    assert b"\xc3\x28" in text
    assert b"\x00" * 64 in text
    assert b":NaN" in text
    # a repeat is the same line twice, and both are told
    repeats = lines.filter(pl.col("fault") == "repeat").group_by("line_hash").len()["len"]
    assert set(repeats) <= {1, 2}
    assert (repeats == 2).sum() > repeats.len() / 2


def test_a_line_that_is_no_text_has_the_hash_of_how_quarantine_shows_it() -> None:
    often = FaultRates.rows_only(not_utf8=0.05)
    _, messages, lines = sent(often)
    bad = [line for p in messages["payload"] for line in p.split(b"\n") if b"\xc3\x28" in line]
    shown = pl.DataFrame({"payload": [b.decode(errors="backslashreplace") for b in bad]}).select(line_hash("payload"))
    assert bad
    assert set(shown["line_hash"]) == set(lines.filter(pl.col("fault") == "not_utf8")["line_hash"])


def test_what_raises_alerts_happens_within_seconds(
    faultless: tuple[LiveCity, pl.DataFrame, pl.DataFrame], tmp_path: Path
) -> None:
    city, messages, _ = faultless
    early = messages.filter(pl.col("given_s") < BEGIN + 25)
    flow, energy, calls = (rows(early, f) for f in ("traffic_flow", "meter_readings", "emergency_calls"))
    # an incident: a minute and the next, full before it and empty behind it
    corridor = city.references["sensors"].drop_nulls("road_km")["sensor_id"]
    minutes = (
        flow.filter(pl.col("sensor_id").is_in(corridor.implode()))
        .group_by("observed_at", "sensor_id")
        .agg(pl.col("occupancy_share").mean())
    )
    full = minutes.filter(pl.col("occupancy_share") > 0.4)
    assert full["sensor_id"].n_unique() == 1
    assert full["observed_at"].n_unique() >= 2
    # a detector that told of a time five minutes ago, and of none since
    silent = flow.filter(pl.col("sensor_id") == city.silent)["observed_at"].str.to_datetime(time_zone="UTC")
    assert silent.len() == 1
    assert BEGIN - silent[0].timestamp() > 300
    # a call that is older than an emergency may wait, and has no unit
    waiting = calls.filter(pl.col("incident_id").str.contains("W1"))
    assert waiting["unit_id"].to_list() == ["none"]
    # a feeder above its rated power, and only one
    files = city.write_references(tmp_path)
    meters, feeders = (pl.read_csv(files[n]) for n in ("meters", "feeders"))
    load = (
        energy.with_columns(kw=pl.col("energy_kwh") * 3600 / pl.col("interval_s"))
        .join(meters, on="meter_id").group_by("feeder_id", "ended_at").agg((pl.col("kw") * pl.col("energy_factor")).sum())
        .join(feeders, on="feeder_id")
    )  # fmt: skip
    assert load.filter(pl.col("kw") > pl.col("rated_kw"))["feeder_id"].n_unique() == 1


def published(folder: Path, feed: str, raw: pl.DataFrame, lines: list[str]) -> None:
    """A diary in which these raw rows and lines were published at one time."""
    from pipelines.simulator.live_messages import key_text

    keyed = raw.select(key_text(registry.feed(feed))).with_columns(line=pl.concat_str(pl.lit("row "), "key"))
    both = pl.concat(
        [keyed, pl.DataFrame({"key": [None] * len(lines), "line": lines}, schema={"key": pl.String, "line": pl.String})]
    )
    (folder / PUBLISHED).mkdir(parents=True, exist_ok=True)
    both.select("key", line_hash(), feed=pl.lit(feed), published_us=pl.lit(1_000_000, pl.Int64)).write_parquet(
        folder / PUBLISHED / "0.parquet"
    )


def test_the_reckoning_finds_what_is_lost_and_what_is_there_too_often(tmp_path: Path) -> None:
    contract, lake = registry.feed("traffic_flow"), Lake(tmp_path / "lake")
    raw = good_rows(contract, "raw", rows=20)
    published(tmp_path, contract.name, raw, ["broken", "also broken"])

    def land(number: int, frame: pl.DataFrame, closed_us: int) -> None:
        closed = pl.lit(closed_us).cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("_landed_at")
        part = lake.write_part("raw", contract.name, DAY, f"part{number}", frame.with_columns(closed))
        lake.append("raw", contract.name, contract.arrow_schema("raw"), [Step("a", number, number + 1, (part,))])

    commits = {contract.name: [1_500_000, 3_000_000]}
    land(0, raw.head(15), 1_400_000)
    half = reckon(lake, tmp_path, commits)
    assert half == Reckoning(published=22, landed=15, lost=7, repeated=0, p50_s=0.5, p99_s=0.5)
    land(1, raw.tail(5), 1_600_000)
    held = {"payload": ["broken", "also broken"]}
    empty = pl.DataFrame(schema={c.name: c.dtype for c in QUARANTINE})
    refused = pl.concat([empty, pl.DataFrame(held)], how="diagonal_relaxed").with_columns(
        event_date=pl.lit(DAY), stage=pl.lit("land"), code=pl.lit("malformed")
    )
    part = lake.write_part("quarantine", contract.name, DAY, "q", refused)
    lake.append("quarantine", contract.name, arrow(QUARANTINE), [Step("a", 0, 1, (part,))])
    assert reckon(lake, tmp_path, commits) == Reckoning(22, 22, 0, 0, p50_s=0.5, p99_s=2.0)
    land(2, raw.head(3), 2_000_000)
    assert reckon(lake, tmp_path, commits).repeated == 3
