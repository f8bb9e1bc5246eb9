"""Discovery by folder: a file is a dataset, and a file that disagrees with its contract stops the start."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas import registry
from schemas.errors import CitylakeError, ContractError

SOURCE = """
from schemas.column import Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="{name}", layer="{layer}", domain="test", version=1, doc="A test.",
    columns=(Column("x", "string", "x", nullable=False),), key=("x",),
)
"""
Discover = Callable[[dict[str, str]], dict]


@pytest.fixture
def discover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Discover]:
    """Discovers metrics in a package made of the given files."""
    folder = tmp_path / "temporary_metrics"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    def run(files: dict[str, str]) -> dict:
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        monkeypatch.setitem(registry.FOLDERS, "metric", importlib.import_module("temporary_metrics"))
        return registry.contracts.__wrapped__("metric")

    yield run
    for module in [m for m in sys.modules if m.startswith("temporary_metrics")]:
        del sys.modules[module]


def test_a_new_file_is_a_new_dataset(discover: Discover) -> None:
    found = discover({n: SOURCE.format(name=n, layer="metric") for n in ("rain_daily", "rain_hourly")})
    assert list(found) == ["rain_daily", "rain_hourly"]


@pytest.mark.parametrize(
    ("text", "found", "remedy"),
    [
        (SOURCE.format(name="snow_daily", layer="metric"), "calls itself metric snow_daily", "metric rain_daily"),
        (SOURCE.format(name="rain_daily", layer="reference"), "calls itself reference rain_daily", "metric rain_daily"),
        ("CONTRACT = 5", "no CONTRACT in the file", "declare CONTRACT"),
        ("", "no CONTRACT in the file", "declare CONTRACT"),
    ],
)
def test_a_file_that_disagrees_with_its_contract_is_refused(discover: Discover, text: str, found: str, remedy: str) -> None:
    with pytest.raises(ContractError) as caught:
        discover({"rain_daily": text})
    assert caught.value.where == "temporary_metrics.rain_daily"
    assert found in caught.value.found
    assert remedy in caught.value.remedy


def test_a_feed_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(CitylakeError) as caught:
        registry.feed("no_such_feed")
    assert all(name in caught.value.remedy for name in registry.feeds())


def test_every_table_of_the_lake_has_its_contract() -> None:
    tables = registry.table_contracts()
    assert all(name.partition(".")[2] == contract.name for name, contract in tables.items())
    for name in registry.feeds():
        assert tables[f"raw.{name}"] is tables[f"refined.{name}"] is registry.feed(name)
    assert tables["metrics.alerts"] is registry.kernel()["alerts"]
    made = len(registry.metrics()) + len(registry.kernel())
    expected = 2 * len(registry.feeds()) + made + len(registry.references())
    assert len(tables) == expected


@pytest.mark.parametrize("name", [n for n, c in registry.metrics().items() if "off_by" not in c])
def test_every_metric_says_how_much_it_rests_on(name: str) -> None:
    """The books are no measurement: they are told by their column off_by."""
    contract = registry.metrics()[name]
    for column in ("n", "coverage_share", "health_share", "null_reason"):
        assert column in contract, f"metric {name} has no {column}"
    assert contract.sources, f"metric {name} names no source"


@pytest.mark.parametrize("table", registry.table_contracts())
def test_units_are_suffixes_of_column_names(table: str) -> None:
    contract = registry.table_contracts()[table]
    known_otherwise = {"out_of_service"}  # the name that parking standards use
    suffix = {"km/h": "_kmh", "share": "_share", "kWh": "_kwh", "kW": "_kw", "s": "_s", "m": "_m"}
    wrong = [c.name for c in contract.columns if c.unit in suffix and not c.name.endswith((suffix[c.unit], "factor"))]
    wrong += [c.name for c in contract.columns if c.kind == "bool" and not c.name.startswith(("is_", "has_", *known_otherwise))]
    wrong += [c.name for c in contract.columns if c.kind == "instant" and not c.name.endswith(("_at", "valid_from", "valid_to"))]
    assert not wrong, f"{table}: {wrong} do not end in their unit"
