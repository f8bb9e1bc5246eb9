"""The demo: which folder it may remove, which columns it shows, and (slow) the whole of it on a tiny city."""

from pathlib import Path
from typing import Any

import pytest

from dagster_project.cli.demo import MARK, cleared
from schemas import registry
from schemas.errors import SettingsError


def test_only_a_folder_that_a_demo_made_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    cleared(folder)
    (folder / "lake").mkdir()
    cleared(folder)
    assert [p.name for p in folder.iterdir()] == [MARK]
    (folder / MARK).unlink()
    (folder / "my file").write_text("x", encoding="utf-8")
    with pytest.raises(SettingsError, match="it holds files that no demo made"):
        cleared(folder)
    assert (folder / "my file").exists()


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    cleared(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(SettingsError, match="it is no folder"):
        cleared(tmp_path / "link")


@pytest.mark.parametrize("name", registry.metrics())
def test_a_metric_is_shown_by_its_key_first_and_every_column_once(name: str) -> None:
    from dagster_project.cli.demo_screen import chosen

    contract = registry.metrics()[name]
    columns = chosen(contract)
    assert len(columns) == len(set(columns))
    assert set(columns) <= {c.name for c in contract.stage_columns("metrics")}
    shown_keys = [k for k in contract.key if contract[k].kind != "instant"]
    assert columns[1 : 1 + len(shown_keys)] == shown_keys


@pytest.mark.slow
def test_a_tiny_demo_goes_the_whole_way_and_again_from_the_start(cli: Any, tmp_path: Path) -> None:
    for _ in range(2):
        done = cli("demo", "--events", 3000, "--days", 1, "--json")
        assert done.code == 0, done.err
        told = done.json
        assert all(line["off_by"] == 0 for line in told["balance"])
        assert {line["stage"] for line in told["balance"]} == {"land", "refine"}
        assert set(told["metrics"]) == set(registry.metrics())
        assert told["metrics"]["traffic_hourly"]
        assert sum(row["rows"] for row in told["quarantine"]) == sum(line["rejected"] for line in told["balance"])
        assert Path(told["exports"]["duckdb"]).is_file()
        assert told["seconds"]["total"] > 0
    shown = cli("demo", "--events", 3000, "--days", 1)
    assert "metrics.traffic_hourly" in shown.out
    assert "citylake query -c demo/citylake.toml" in shown.out
