"""Lineage against what was read out of the SQL by hand, and against the lake's own columns."""

import pytest

from assets import lineage
from assets.dependencies import LEDGER, dependencies
from schemas import ledger, registry

# read out of assets/metrics/traffic_15min.sql, views/traffic_parts.sql, views/detectors_by_day.sql and the macro traffic_ratios
BY_HAND = {
    "sensor_id": {"refined.traffic_flow.sensor_id"},
    "bin_at": set(),
    "road": {"reference.sensors.road"},
    "district": {"reference.sensors.district"},
    "n": set(),
    "health_share": {"metrics.sensor_health_daily.health_share"},
    "volume_veh": {"refined.traffic_flow.vehicle_count"},
    "speed_weight": {"refined.traffic_flow.vehicle_count", "refined.traffic_flow.mean_speed_kmh"},
    "speed_sum_kmh": {"refined.traffic_flow.vehicle_count", "refined.traffic_flow.mean_speed_kmh"},
    "occupied_s": {"refined.traffic_flow.interval_s", "refined.traffic_flow.occupancy_share"},
    "vehicle_km": {"refined.traffic_flow.vehicle_count", "reference.sensors.segment_km"},
    "vehicle_h": {"refined.traffic_flow.vehicle_count", "refined.traffic_flow.mean_speed_kmh", "reference.sensors.segment_km"},
    "delay_veh_h": {
        "refined.traffic_flow.vehicle_count",
        "refined.traffic_flow.mean_speed_kmh",
        "reference.sensors.segment_km",
        "reference.sensors.free_flow_kmh",
    },
}


@pytest.mark.parametrize("column", BY_HAND)
def test_lineage_is_what_was_read_by_hand(column: str) -> None:
    assert set(lineage.columns("traffic_15min")[column]) == BY_HAND[column]


def test_fields_of_a_struct_go_each_their_own_way() -> None:
    found = lineage.columns("traffic_15min")
    assert "reference.sensors.lanes" in found["level_of_service"]
    assert "reference.sensors.lanes" not in found["flow_veh_h"]
    assert "reference.sensors.effective_length_m" in found["density_occupancy_veh_km"]
    assert "refined.traffic_flow.mean_speed_kmh" not in found["occupancy_share"]


def test_columns_of_a_union_by_name_are_not_taken_by_their_place() -> None:
    found = lineage.columns("who_knew_first")  # the second branch leaves columns of the first out
    assert set(found["district"]) == {"metrics.streetlight_daily.district", "refined.service_requests.district"}
    assert set(found["telemetry_at"]) == {"metrics.streetlight_daily.out_said_at"}


def test_the_books_are_a_source() -> None:
    assert lineage.columns("data_balance")["taken"] == ("ledger.taken",)
    assert lineage.readers(LEDGER) == ["data_balance"]


@pytest.mark.parametrize("metric", registry.metrics())
def test_every_end_of_a_line_is_a_column_of_a_table_that_the_metric_reads(metric: str) -> None:
    tables = registry.table_contracts()
    for ends in lineage.columns(metric).values():
        for end in ends:
            table, _, column = end.rpartition(".")
            assert table in dependencies(metric)
            if table == LEDGER:
                assert column in {c.name for c in ledger.COLUMNS} | {"day"}
            else:
                assert column in {c.name for c in tables[table].stage_columns(table.split(".")[0])}


def test_most_metrics_are_traced_and_all_of_their_columns_are() -> None:
    traced = {m: lineage.columns(m) for m in registry.metrics()}
    whole = [m for m, found in traced.items() if set(found) == set(registry.metrics()[m].names)]
    assert len(whole) >= 0.9 * len(traced)
    assert not [m for m, found in traced.items() if found and m not in whole], "partly traced"
    assert not [m for m, found in traced.items() if found and not any(found.values())], "traced to nothing"


def test_who_reads_is_the_other_side_of_what_is_read() -> None:
    for table in registry.table_contracts():
        for column, users in lineage.used_by(table).items():
            for user in users:
                metric, _, of = user.partition(".")
                assert f"{table}.{column}" in lineage.columns(metric)[of]
                assert metric in lineage.readers(table)
    assert "traffic_15min.volume_veh" in lineage.used_by("refined.traffic_flow")["vehicle_count"]
