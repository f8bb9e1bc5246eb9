"""Real files and forensics: what agencies published is in its right unit, and nothing absurd is found on any of its days.

The agencies' files come without descriptions of their devices; these are made up here, so that devices have peers at all.
"""

from datetime import UTC, datetime

import polars as pl
import pytest

from assets.forensics import examine
from assets.refined import refine
from dagster_project import settings, way
from schemas.registry import references
from tests.integration import chosen
from tests.integration.chosen import DATA

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason=f"the real files are not at {DATA}")]

SOURCES = ("odot_counts", "nab_speed", "nab_occupancy", "pems", "smart_grid_smart_city", "birmingham")
EVER = datetime(2000, 1, 1, tzinfo=UTC)
FREE_FLOW_KMH = 65 * 1.609344
"""What is signed on the freeway of t4013."""


def describe(real: settings.Settings, table: str, key: str, rows: list[dict]) -> None:
    contract = references()[table]
    frame = pl.DataFrame(
        [{c.name: c.default for c in contract.columns} | {"valid_from": EVER} | r for r in rows], schema=contract.polars_schema()
    )
    part = real.lake.write_part("reference", table, None, f"made-up-{table}", frame)
    real.lake.replace_table("reference", table, contract.arrow_schema("reference"), part)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> settings.Settings:
    real = chosen.only(settings.load(chosen.TOML, str(tmp_path_factory.mktemp("forensics") / "lake")), *SOURCES)
    way.land(real)
    for feed in ("traffic_flow", "meter_readings", "parking_occupancy"):
        refine(real.lake, real.city, feed)
    seen = {f: real.lake.scan("refined", f).collect() for f in ("traffic_flow", "meter_readings")}  # type: ignore[union-attr]
    sensors = seen["traffic_flow"]["sensor_id"].unique().to_list()
    of_road = [{"sensor_id": s, "road": s.split("-")[0], "direction": "x", "free_flow_kmh": FREE_FLOW_KMH} for s in sensors]
    describe(real, "sensors", "sensor_id", of_road)
    meters = seen["meter_readings"]["meter_id"].unique().to_list()
    describe(real, "meters", "meter_id", [{"meter_id": m, "meter_class": "household"} for m in meters])
    return real


def test_nothing_absurd_is_found_whatever_days_are_looked_at(city: settings.Settings) -> None:
    judged = 0
    for feed in ("traffic_flow", "meter_readings", "parking_occupancy"):
        days = sorted({f.event_date for f in city.lake.files("refined", feed) if f.event_date})
        for last in days[::20]:
            [one] = examine(city.lake, city.city, [feed], last)
            assert one.findings == [], (feed, last)
            judged += sum(one.judged.values())
    assert judged > 100


def test_a_real_meter_in_another_unit_is_found(city: settings.Settings) -> None:
    """A wrong correction is a fault like any other: the table makes one meter's kWh a thousand times what they are."""
    meters = city.lake.scan("reference", "meters").collect()  # type: ignore[union-attr]
    wrong = pl.when(pl.col("meter_id") == "10006486").then(1000.0).otherwise(1.0).alias("energy_factor")
    try:
        correct_by(city, meters.with_columns(wrong))
        [one] = examine(city.lake, city.city, ["meter_readings"])
        assert [(f.device, f.found) for f in one.findings] == [("10006486", "Wh reported as kWh")]
        assert one.findings[0].line is not None and one.findings[0].line["energy_factor"] == 1.0
    finally:  # the other test looks at the same city
        correct_by(city, meters)


def correct_by(city: settings.Settings, meters: pl.DataFrame) -> None:
    part = city.lake.write_part("reference", "meters", None, f"meters-{meters['energy_factor'].max()}", meters)
    city.lake.replace_table("reference", "meters", references()["meters"].arrow_schema("reference"), part)
    refine(city.lake, city.city, "meter_readings")
