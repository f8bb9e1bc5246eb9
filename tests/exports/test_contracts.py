"""The exported contracts: each is valid ODCS, says its lineage and the limits in force, and refers to files that are there."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import jsonschema
import polars as pl
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard
from typer.testing import CliRunner

from assets import lineage
from assets.dictionary.entry import entries, packaged_limits
from assets.exports.contracts import FOLDER, documents, write, write_contracts
from dagster_project.cli import app
from schemas import registry
from schemas.city import City
from schemas.lake import Lake
from schemas.odcs import file_name

CITY = City("Testham", "Europe/Berlin")
VALIDATOR = jsonschema.Draft201909Validator(
    json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
)


def lint(folder: Path) -> list[str]:
    """What is wrong with the contracts of a folder: by the standard's own JSON schema and model, and references into nothing."""
    documents = {p.name: yaml.safe_load(p.read_text("utf-8")) for p in sorted(folder.glob("*.yaml"))}
    wrong = []
    for name, document in documents.items():
        wrong += [f"{name} {list(e.absolute_path)}: {e.message[:200]}" for e in VALIDATOR.iter_errors(document)]
        try:
            OpenDataContractStandard.model_validate(document)
        except ValueError as error:
            wrong.append(f"{name}: {str(error)[:200]}")
        for table in document.get("schema", []):
            for column in table.get("properties", []):
                wrong += [
                    f"{name}: {r['to']}" for r in column.get("relationships", []) if not leads_somewhere(r["to"], documents)
                ]
    return wrong


def leads_somewhere(reference: str, documents: dict) -> bool:
    """Whether `file#/schema/<id>/properties/<id>` names a column of a contract that is there."""
    file, _, path = reference.partition("#")
    _, _, table, _, column = path.split("/")
    found = [t for t in documents.get(file, {}).get("schema", []) if t["id"] == table]
    return any(p["id"] == column for t in found for p in t["properties"])


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contracts of a lake whose city set a limit of its own."""
    root = tmp_path_factory.mktemp("contracts")
    lake = Lake(root / "lake")
    contract = registry.references()["thresholds"]
    row = {"name": "coverage_min_share", "value": 0.6, "unit": "share", "source": "council", "edition": "2026"}
    frame = pl.DataFrame([row], schema=contract.polars_schema())
    part = lake.write_part("reference", "thresholds", None, "a", frame)
    lake.replace_table("reference", "thresholds", contract.arrow_schema("reference"), part)
    write_contracts(lake, CITY, root)
    return root / FOLDER


def test_every_contract_is_exported_and_passes(exported: Path) -> None:
    assert {p.name for p in exported.iterdir()} == {file_name(e.contract) for e in entries()}
    assert lint(exported) == []


def test_the_lint_refuses_what_is_broken(exported: Path, tmp_path: Path) -> None:
    whole = {p.name: yaml.safe_load(p.read_text("utf-8")) for p in exported.glob("feed_traffic_flow.*")}
    [(name, document)] = whole.items()
    breaks = {
        "apiVersion": lambda d: d.update(apiVersion="v9"),
        "version": lambda d: d.pop("version"),
        "logicalType": lambda d: d["schema"][0]["properties"][0].update(logicalType="text"),
        "team": lambda d: d.update(team={"members": [{"name": "without a user name"}]}),
        "quality": lambda d: d["schema"][1]["quality"][0].update(metric="noSuchMetric"),
        "reference_sensors": lambda d: None,  # the reference table's contract is missing here
    }
    for told, damage in breaks.items():
        broken = yaml.safe_load(yaml.safe_dump(document))
        damage(broken)
        (tmp_path / name).write_text(yaml.safe_dump(broken), "utf-8")
        assert any(told in wrong for wrong in lint(tmp_path)), told


def test_lineage_and_limits_in_force_are_told(exported: Path) -> None:
    for entry in entries():
        document = yaml.safe_load((exported / file_name(entry.contract)).read_text("utf-8"))
        custom = {c["property"]: c["value"] for c in document["customProperties"]}
        assert [t["name"] for t in custom.get("thresholds", [])] == entry.thresholds
        assert custom.get("madeOf", []) == entry.reads
        assert document["team"] == {"name": "Testham"}
        if entry.name in registry.metrics():
            properties = {p["name"]: p.get("transformSourceObjects", []) for p in document["schema"][0]["properties"]}
            assert {n: tuple(p) for n, p in properties.items() if p} == {
                n: m for n, m in lineage.columns(entry.name).items() if m
            }
        for limit in custom.get("thresholds", []):
            own = limit["name"] == "coverage_min_share"
            assert limit["value"] == (0.6 if own else float(packaged_limits()[limit["name"]]["value"]))
            assert limit["source"] == ("council" if own else packaged_limits()[limit["name"]]["source"])


def test_a_gated_metric_says_what_of_it_is_told(exported: Path) -> None:
    document = yaml.safe_load((exported / "metric_energy_daily.odcs.yaml").read_text("utf-8"))
    assert "15" in document["description"]["limitations"]
    exact, published = document["schema"]
    assert (exact["name"], published["name"]) == ("metrics.energy_daily", "published.energy_daily")
    assert "release" in [p["name"] for p in published["properties"]]


def test_what_is_no_more_goes_and_nothing_else(exported: Path, tmp_path: Path) -> None:
    place = tmp_path / FOLDER
    place.mkdir()
    (place / "metric_no_more.odcs.yaml").write_text("old", "utf-8")
    (place / "notes.txt").write_text("a person's", "utf-8")
    write_contracts(Lake(tmp_path / "lake"), CITY, tmp_path)
    assert not (place / "metric_no_more.odcs.yaml").exists()
    assert (place / "notes.txt").exists()
    other = tmp_path / "mine"
    other.mkdir()
    (other / "mine.odcs.yaml").write_text("a person's", "utf-8")
    assert len(write(other, documents())) == len(list(entries()))
    assert (other / "mine.odcs.yaml").exists()


def test_contracts_are_written_again_when_a_limit_or_a_file_is_another(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake, folder = Lake(exported.parent / "lake"), exported.parent
    said = write_contracts(lake, CITY, folder)
    assert said["files"] == sorted(p.name for p in exported.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr("assets.exports.contracts.documents", lambda *_, **__: pytest.fail("nothing has changed"))
        assert write_contracts(lake, CITY, folder, said) == said
    (exported / said["files"][0]).unlink()
    assert write_contracts(lake, CITY, folder, said) == said
    assert (exported / said["files"][0]).is_file()
    other = write_contracts(lake, City("Otherham", "Europe/Berlin"), folder, said)
    assert other["digest"] != said["digest"]
    write_contracts(lake, CITY, folder)


def test_the_command_writes_the_same(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["contracts", "--odcs", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert lint(tmp_path) == []


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("datacontract"), reason="datacontract-cli is not installed; its pins need a venv of its own")
@pytest.mark.parametrize("name", ["feed_traffic_flow", "reference_sensors", "metric_energy_daily", "metric_alerts"])
def test_another_tool_takes_it(exported: Path, name: str) -> None:
    command = ["datacontract", "lint", str(exported / f"{name}.odcs.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout[-2000:]
