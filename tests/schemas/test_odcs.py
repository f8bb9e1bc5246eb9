"""Every contract is a valid ODCS document: by the standard's JSON schema and by its own package."""

import json
import re
from dataclasses import replace
from importlib.resources import files

import jsonschema
import pytest
import yaml
from open_data_contract_standard.model import OpenDataContractStandard

from schemas import odcs, registry
from schemas.contract import Contract

CONTRACTS = {f"{layer}.{c.name}": c for layer in registry.FOLDERS for c in registry.contracts(layer).values()}
CONTRACTS |= {"metric.alerts": registry.kernel()["alerts"]}
VALIDATOR = jsonschema.Draft201909Validator(
    json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
)


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_contract_validates(name: str) -> None:
    document = yaml.safe_load(odcs.to_yaml(CONTRACTS[name]))
    errors = [f"{list(e.absolute_path)}: {e.message}" for e in VALIDATOR.iter_errors(document)]
    assert not errors
    model = OpenDataContractStandard.from_string(odcs.to_yaml(CONTRACTS[name]))
    assert model.name == CONTRACTS[name].name


def test_the_validator_refuses_what_is_wrong() -> None:
    document = odcs.project(next(iter(CONTRACTS.values())))
    document["schema"][0]["properties"][0]["logicalType"] = "text"
    assert list(VALIDATOR.iter_errors(document))


@pytest.mark.parametrize("name", CONTRACTS)
def test_nothing_of_a_contract_is_left_out(name: str) -> None:
    contract = CONTRACTS[name]
    document = odcs.project(contract)
    for table in document["schema"]:
        layer = table["name"].partition(".")[0]
        said = {p["name"]: p for p in table["properties"]}
        assert list(said) == [c.name for c in contract.stage_columns(layer)]
        for column in contract.stage_columns(layer):
            shown = said[column.name]
            options = shown.get("logicalTypeOptions", {})
            custom = {c["property"]: c["value"] for c in shown.get("customProperties", [])}
            valid = [q["arguments"]["validValues"] for q in shown.get("quality", [])]
            assert (shown["required"], shown["classification"]) == (not column.nullable, column.privacy)
            assert (options.get("minimum"), options.get("maximum")) == (column.minimum, column.maximum)
            assert options.get("pattern") == column.pattern
            assert valid == ([list(column.allowed)] if column.allowed else [])
            assert custom == {k: v for k, v in (("unit", column.unit), ("default", column.default)) if v is not None}
        checks = {q["name"] for q in table.get("quality", [])}
        if layer != "published":
            assert checks >= {r.name for r in (*contract.row_rules, *contract.table_rules)}
        if layer == "refined" and contract.health:
            assert checks >= {f"health_{verdict}" for verdict, _ in contract.health.tests}


def keys(contract: Contract) -> dict[str, list[str]]:
    return {
        table["name"]: [
            p["name"] for p in sorted(table["properties"], key=lambda p: p.get("primaryKeyPosition", 0)) if "primaryKey" in p
        ]
        for table in odcs.project(contract)["schema"]
    }


def test_raw_has_no_unique_key_because_a_redelivered_event_stands_there_twice() -> None:
    contract = registry.feeds()["traffic_flow"]
    assert keys(contract) == {"raw.traffic_flow": [], "refined.traffic_flow": list(contract.key)}


def test_a_metrics_key_holds_within_its_day() -> None:
    contract = registry.metrics()["energy_daily"]
    key = ["event_date", *contract.key]
    assert keys(contract) == {"metrics.energy_daily": key, "published.energy_daily": key}


def test_table_rules_ask_the_table_by_the_standards_placeholder() -> None:
    for contract in CONTRACTS.values():
        for table in odcs.project(contract)["schema"]:
            for check in table.get("quality", []):
                if check["type"] == "sql":
                    assert "${table}" in check["query"]
                    assert not re.search(r"\bthis\b", check["query"])


def test_the_version_and_retention_are_told() -> None:
    contract = replace(registry.feeds()["emergency_calls"], version=3, retention_days=30)
    document = odcs.project(contract)
    assert document["version"] == "3.0.0"
    assert {"property": "retention", "value": 30, "unit": "d"} in document["slaProperties"]
