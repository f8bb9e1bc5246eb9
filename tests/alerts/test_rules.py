"""What a rule's file must say of itself, and that what it reads is parsed from it."""

from importlib.resources import files

import pytest

from assets import alarm_rules
from assets.alarm_rules import Rule, names, rule, rules
from assets.dependencies import Query
from schemas import registry
from schemas.errors import CitylakeError, SettingsError

GOOD = """-- Something is so.
-- severity: info
-- every_s: 1
-- window_s: 60
-- latest_rows: 1
-- cool_down_s: 0
-- source: a standard, 2026 edition
SELECT sensor_id FROM landed.traffic_flow
"""


def read(monkeypatch: pytest.MonkeyPatch, text: str, tables: tuple[str, ...] = ("landed.traffic_flow",)) -> Rule:
    empty: frozenset[str] = frozenset()
    monkeypatch.setattr(alarm_rules, "query", lambda *_: Query(text, frozenset(tables), empty, empty, empty, empty, empty))
    return rule.__wrapped__("made_up")


def test_the_rules_there_are() -> None:
    assert {"call_waiting", "feeder_overload", "incident_suspected", "sensor_silent"} <= set(names())
    for one in rules():
        assert one.doc.endswith(".")
        assert one.sources
        assert (files("assets.alerts") / f"{one.name}.sql").read_text("utf-8") == one.text
        for feed, columns in one.columns.items():
            assert set(registry.feed(feed).key) <= set(columns) <= set(registry.feed(feed).names)


def test_what_a_rule_reads_is_parsed(monkeypatch) -> None:
    found = read(monkeypatch, GOOD.replace("sensor_id FROM", "occupancy_share FROM"))
    assert found.columns == {"traffic_flow": ("sensor_id", "lane", "observed_at", "occupancy_share")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("-- Something is so.\n", ""), "first line does not say"),
        (GOOD.replace("-- severity: info\n", ""), "does not say its severity"),
        (GOOD.replace("severity: info", "severity: dire"), "severity 'dire'"),
        (GOOD.replace("window_s: 60", "window_s: an hour"), "window_s 'an hour'"),
        (GOOD.replace("window_s: 60", "window_s: 0"), "window_s '0'"),
        (GOOD.replace("-- source: a standard, 2026 edition\n", ""), "does not say its source"),
        (GOOD.replace("-- every_s: 1\n", "-- every_s: 1\n-- every_s: 2\n"), "every_s stands twice"),
        (GOOD.replace("-- every_s: 1\n", "-- every_s: 1\n-- colour: red\n"), "nothing that a rule's head knows"),
        (GOOD.replace("sensor_id FROM", "* FROM"), "takes * of landed rows"),
    ],
)
def test_a_rule_that_is_not_complete_is_refused(monkeypatch, text: str, said: str) -> None:
    with pytest.raises(CitylakeError, match=r"made_up\.sql") as caught:
        read(monkeypatch, text)
    assert said in str(caught.value).replace("\\", "")


def test_tables_that_are_not_there_are_refused(monkeypatch) -> None:
    with pytest.raises(CitylakeError, match="no contract describes"):
        read(monkeypatch, GOOD, ("landed.rain",))
    with pytest.raises(CitylakeError, match="reads no landed rows"):
        read(monkeypatch, GOOD, ("reference.sensors",))
    with pytest.raises(SettingsError, match="there is no such rule"):
        rules(["no_such_rule"])
