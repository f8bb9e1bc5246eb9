"""Health declarations: what they refuse, and the views that are made of them. Verdicts are tested in tests/metrics."""

import pytest

from assets import health
from assets.dependencies import dependencies, query, thresholds_read
from schemas import registry
from schemas.column import Column
from schemas.contract import Contract
from schemas.errors import ContractError
from schemas.health import Health


def feed(judged: Health, interval: str | None = None) -> Contract:
    columns = (
        Column("device_id", "string", "device", nullable=False),
        Column("seen_at", "instant", "when", nullable=False),
        Column("interval_s", "int", "how long", unit="s", nullable=False),
        Column("level", "float", "what it says"),
    )
    key = ("device_id", "seen_at")
    return Contract("levels", "feed", "city", 1, "levels", columns, key, event_time="seen_at", interval=interval, health=judged)


TESTS = (("stuck", "constant_share > 0"),)


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        (Health(tests=(("broken", "n > 0"),), value="level", holds_s="60"), "a test gives 'broken'"),
        (Health(tests=(("clock", "n > 0"),), value="level", holds_s="60"), "a test gives 'clock'"),
        (Health(tests=TESTS, value="level", device="sensor", holds_s="60"), "its device sensor is no column"),
        (Health(tests=TESTS, value="level"), "how long a row stands for"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(judged: Health, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        feed(judged)


def test_a_new_feed_is_one_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A feed that declares health is read, tested and kept apart from the others without another line of SQL."""
    new = feed(
        Health(tests=TESTS, value="level", is_constant="length > threshold('los_a_max_pc_km_lane')"), interval="interval_s"
    )
    every = health.judged() | {"levels": (new, new.health)}
    monkeypatch.setattr("assets.health.judged", lambda: every)
    assert "refined.levels" in (health.view("health_of_levels") or "")
    assert "views.health_of_levels" in (health.view("health_rows") or "")
    assert "WHEN 'levels' THEN CASE WHEN constant_share > 0 THEN 'stuck' END" in health.macros()["health_failed"]
    assert "WHEN 'levels' THEN length > threshold(" in health.macros()["health_is_constant"]


def test_what_is_made_takes_part_in_dependencies() -> None:
    read = dependencies("sensor_health_daily")
    for name, (contract, _) in health.judged().items():
        assert f"refined.{name}" in read
        if contract.described and contract.described.on == health.device_of(contract):
            assert f"reference.{contract.described.table}" in read
    named = {n for n in thresholds_read("sensor_health_daily") if n.startswith("health_")}
    assert {"health_zero_share", "health_meter_spike_ratio", "health_signal_stuck_share", "health_transit_ttl_s"} <= named


def test_a_file_comes_before_a_view_that_is_made() -> None:
    assert "is_installed" in query("views", "routes_by_day").text
    assert query("views", "sensors_by_day").text.startswith("-- The row of each traffic detector")
    assert health.view("no_such_by_day") is None and health.view("thresholds_by_day") is None


def test_every_feed_with_devices_of_its_own_is_judged() -> None:
    assert {n for n, c in registry.feeds().items() if c.described} <= set(health.judged())
