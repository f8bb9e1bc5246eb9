"""What Dagster is told before anything runs: assets, groups, checks, columns with units, partitions, and load cost."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.assembly import assemble
from dagster_project.partitions import first_day, today
from schemas import registry
from schemas.contract import Contract
from tests.dagster.conftest import DAYS, Place, made_place
from tests.good_rows import good_rows, put

LOADED = """
import json, sys
from dagster_project.definitions import defs
import dagster as dg
dg.Definitions.validate_loadable(defs)
heavy = [m for m in ("apache_beam", "great_expectations", "pandas", "s3fs") if m in sys.modules]
print(json.dumps({"heavy": heavy, "assets": len(list(defs.resolve_asset_graph().get_all_asset_keys()))}))
"""


def specs(place: Place) -> dict[str, dg.AssetSpec]:
    return {s.key.to_user_string(): s for s in assemble(place.settings).resolve_all_asset_specs()}


def kept_by_day() -> dict[str, Contract]:
    """What Dagster makes: a table of the house is written by the stream."""
    house = {f"metrics.{n}" for n in registry.kernel()}
    made = {t: c for t, c in registry.table_contracts().items() if not t.startswith("reference.") and t not in house}
    return {t.replace(".", "/"): c for t, c in made.items()}


def load(**environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "CITYLAKE_TOML"} | environment
    cwd = environment.get("HOME")
    return subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=False, env=env, cwd=cwd)


def test_the_module_loads_without_heavy_imports(place: Place) -> None:
    done = load(CITYLAKE_TOML=str(place.settings.path))
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == {"heavy": [], "assets": len(specs(place))}


def test_without_settings_there_is_one_clear_error(tmp_path: Path) -> None:
    done = load(HOME=str(tmp_path))
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("schemas.errors.SettingsError: citylake.toml: there is no such file; ")


def test_every_table_has_an_asset_in_its_domain_with_a_blocking_gate(place: Place) -> None:
    found = specs(place)
    graph = assemble(place.settings).resolve_asset_graph()
    checks = {(k.asset_key.to_user_string(), k.name): graph.get_check_spec(k) for k in graph.asset_check_keys}
    for table, contract in kept_by_day().items():
        assert found[table].group_name == contract.domain
        assert contract.doc in (found[table].description or "")
        assert found[table].kinds
        assert checks[table, "gate"].blocking
    for feed in registry.feeds():
        assert checks[f"raw/{feed}", "balance"].blocking
        assert checks[f"refined/{feed}", "balance"].blocking
    assert set(found) == {*kept_by_day(), "reference/sensors", "exports/citylake"}


def test_columns_are_the_contract_s_with_units(place: Place) -> None:
    found = specs(place)
    for table, contract in kept_by_day().items():
        layer = table.split("/")[0]
        columns = {c.name: c for c in found[table].metadata["dagster/column_schema"].columns}
        assert list(columns) == [c.name for c in contract.stage_columns(layer)]
        for column in contract.stage_columns(layer):
            shown = columns[column.name]
            assert column.doc in (shown.description or "")
            assert column.unit is None or f"[{column.unit}]" in (shown.description or "")
            assert shown.constraints.nullable == column.nullable
            assert shown.type == str(contract.arrow_schema(layer).field(column.name).type)


def test_what_a_metric_reads_is_parsed_from_its_sql(place: Place) -> None:
    from assets.measure import dependencies

    found = specs(place)
    for metric in registry.metrics():
        upstream = {d.asset_key.to_user_string() for d in found[f"metrics/{metric}"].deps}
        named = {d.replace(".", "/") for d in dependencies(metric) if not d.startswith("reference.")}
        assert upstream >= named - {"ledger"}
        assert all(d in found for d in upstream)
    after = {d.asset_key.to_user_string() for d in found["exports/citylake"].deps}
    assert after == {t for t in kept_by_day() if not t.startswith("raw/")}


def test_partitions_are_the_city_s_days(place: Place) -> None:
    settings, feed = place.settings, registry.feed("traffic_flow")
    for day in DAYS:
        put(settings.lake, feed, "raw", good_rows(feed, "raw", day), day)
    partitions = specs(place)["refined/traffic_flow"].partitions_def
    assert isinstance(partitions, dg.DailyPartitionsDefinition)
    assert partitions.timezone == settings.city.zone
    assert first_day(settings) == DAYS[0] - timedelta(days=1)
    keys = partitions.get_partition_keys()
    assert (keys[0], keys[-1]) == (first_day(settings).isoformat(), today(settings).isoformat())
    window = partitions.time_window_for_partition_key("2025-03-30")
    assert (window.end.timestamp() - window.start.timestamp()) == 23 * 3600


def test_an_empty_lake_has_days_too(place: Place) -> None:
    assert (today(place.settings) - first_day(place.settings)).days == 30


@pytest.fixture
def forget_contracts() -> "Callable[[], None]":
    yield registry.contracts.cache_clear
    registry.contracts.cache_clear()


def test_a_new_contract_file_is_all_a_new_feed_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forget_contracts: Callable[[], None]
) -> None:
    import schemas.feeds

    text = (Path(schemas.feeds.__path__[0]) / "traffic_flow.py").read_text(encoding="utf-8")
    (tmp_path / "tram_flow.py").write_text(text.replace('name="traffic_flow"', 'name="tram_flow"'), encoding="utf-8")
    monkeypatch.setattr(schemas.feeds, "__path__", [*schemas.feeds.__path__, str(tmp_path)])
    forget_contracts()
    with made_place(tmp_path / "city") as city:
        found = specs(city)
    assert {"raw/tram_flow", "refined/tram_flow"} <= set(found)
    assert "refined/tram_flow" in {d.asset_key.to_user_string() for d in found["metrics/data_balance"].deps}
    sys.modules.pop("schemas.feeds.tram_flow", None)
