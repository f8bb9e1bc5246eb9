"""Events of many signals on one day, made of the two hours of one: as Parquet for the peer, and as a refined lake for us.

What is made of them is timed elsewhere.
"""

from datetime import UTC, date, datetime
from math import ceil
from pathlib import Path

import polars as pl

from schemas import registry
from schemas.city import City
from schemas.lake import Lake

SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "atspm_odot" / "sample"
DAY = date(2024, 4, 15)
CITY = City("Bench", "UTC")
HOURS = 2
FUNCTIONS = {"Presence": "presence", "Advance": "advance", "Yellow_Red": "yellow_red", "stop bar count": "count"}


def make(folder: str, events: int) -> int:
    """Write `peer/events.parquet`, `peer/config.parquet` and `lake`; returns how many events there are.

    The sample fills the day, two hours after two hours, at as many signals as it takes. Its four exact repeats are left out:
    refining has settled them.
    """
    sample = pl.read_parquet(SAMPLE / "sample_raw_data.parquet").unique().sort("TimeStamp", "EventId", "Parameter")
    back = pl.duration(hours=12)  # the sample begins at noon
    blocks = [sample.with_columns(pl.col("TimeStamp") - back + pl.duration(hours=HOURS * i)) for i in range(24 // HOURS)]
    of_day = pl.concat(blocks)
    controllers = max(1, ceil(events / of_day.height))
    peer, lake = Path(folder) / "peer", Lake(Path(folder) / "lake")
    peer.mkdir(parents=True)
    ids = pl.DataFrame({"DeviceId": range(1000, 1000 + controllers)}, schema={"DeviceId": pl.Int64})
    rows = ids.join(of_day.drop("DeviceId"), how="cross").select("TimeStamp", "DeviceId", "EventId", "Parameter")
    rows.write_parquet(peer / "events.parquet", compression="zstd")
    config = pl.read_parquet(SAMPLE / "sample_config.parquet").drop("DeviceId")
    uses = ids.join(config, how="cross")
    uses.select("DeviceId", "Phase", "Parameter", "Function").write_parquet(peer / "config.parquet")
    _refined(lake, rows)
    _reference(lake, uses)
    return rows.height


def _refined(lake: Lake, rows: pl.DataFrame) -> None:
    contract = registry.feed("signal_events")
    at = datetime(2024, 4, 16, tzinfo=UTC)
    given = {
        "controller_id": pl.col("DeviceId").cast(pl.String),
        "occurred_at": pl.col("TimeStamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        "code": pl.col("EventId").cast(pl.Int64),
        "parameter": pl.col("Parameter").cast(pl.Int64),
        "local_time": pl.col("TimeStamp").cast(pl.Datetime("us")),
        "_versions": pl.lit(1, pl.Int64),
        "_source": pl.lit("bench.parquet"),
        "_position": pl.int_range(pl.len(), dtype=pl.Int64),
        "_received_at": pl.lit(at).cast(pl.Datetime("us", "UTC")),
        "_landed_at": pl.lit(at).cast(pl.Datetime("us", "UTC")),
        "_contract_version": pl.lit(1, pl.Int64),
    }
    columns = {n: t for n, t in contract.polars_schema("refined").items() if n != "event_date"}
    frame = rows.select((given.get(n, pl.lit(None)).cast(t)).alias(n) for n, t in columns.items()).sort(contract.key)
    part = lake.write_part("refined", contract.name, DAY, "bench", frame)
    lake.replace("refined", contract.name, contract.arrow_schema("refined"), [part])


def _reference(lake: Lake, uses: pl.DataFrame) -> None:
    contract = registry.references()["signal_detectors"]
    frame = uses.select(
        pl.col("DeviceId").cast(pl.String).alias("controller_id"),
        pl.col("Parameter").cast(pl.Int64).alias("detector"),
        pl.lit(datetime(2024, 1, 1, tzinfo=UTC)).cast(pl.Datetime("us", "UTC")).alias("valid_from"),
        pl.col("Function").replace_strict(FUNCTIONS).alias("function"),
        pl.col("Phase").cast(pl.Int64).alias("phase"),
        pl.lit(None, pl.String).alias("direction"),
        pl.lit(0.0).alias("travel_to_stop_bar_s"),
    ).select(contract.names)
    part = lake.write_part("reference", contract.name, None, "bench", frame.sort(contract.key))
    lake.replace_table("reference", contract.name, contract.arrow_schema("reference"), part)
