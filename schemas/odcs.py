"""Projects a contract to the Open Data Contract Standard (Bitol ODCS v3.1), as a dict or as YAML text.

Nothing is declared here: every word comes from the contract, and what its SQL tells from the caller. Reading ODCS files
does not belong here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.column import Column
from schemas.contract import Contract, Described
from schemas.privacy import TREATMENTS

API_VERSION = "v3.1.0"

# kind of column -> ODCS logical type, type in the Parquet files as DuckDB names it
TYPES: dict[str, tuple[str, str]] = {
    "string": ("string", "VARCHAR"),
    "int": ("integer", "BIGINT"),
    "float": ("number", "DOUBLE"),
    "bool": ("boolean", "BOOLEAN"),
    "instant": ("timestamp", "TIMESTAMP WITH TIME ZONE"),
    "local_time": ("timestamp", "TIMESTAMP"),
    "date": ("date", "DATE"),
}

# layer of a contract -> layers of the lake in which it has a table
TABLES: dict[str, tuple[str, ...]] = {"feed": ("raw", "refined"), "metric": ("metrics",), "reference": ("reference",)}


@dataclass(frozen=True)
class Beside:
    """What a document says besides its contract; all of it may be left out.

    Attributes:
        city: who publishes it.
        servers: ODCS server objects: where the tables are to be had.
        made_of: column of a metric -> `layer.table.column`s that it is made of.
        reads: `layer.table`s that the dataset is made of.
        limits: the thresholds it is judged by: name, value, unit, source, edition.
        usage: sentences on what of it is told outside.
        freshness: sentences on when it is written.
    """

    city: str | None = None
    servers: Sequence[Mapping[str, Any]] = ()
    made_of: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reads: Sequence[str] = ()
    limits: Sequence[Mapping[str, Any]] = ()
    usage: Sequence[str] = ()
    freshness: Sequence[str] = ()


def file_name(contract: Contract) -> str:
    """The name of a contract's file; references between contracts go by it."""
    return f"{contract.layer}_{contract.name}.odcs.yaml"


def tables(contract: Contract) -> tuple[str, ...]:
    """The layers of the lake in which a dataset has a table; what is released of a gated metric is one of its own."""
    return (*TABLES[contract.layer], *(("published",) if contract.is_gated else ()))


def project(contract: Contract, beside: Beside | None = None) -> dict[str, Any]:
    """The contract as an ODCS document: one schema object per table that it has in the lake."""
    told = beside or Beside()
    usage = " ".join(told.usage).replace("`", "")
    return {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"citylake-{contract.layer}-{contract.name}",
        "name": contract.name,
        "version": f"{contract.version}.0.0",
        "status": "active",
        "domain": contract.domain,
        "tags": [contract.layer, contract.domain],
        **({"team": {"name": told.city}} if told.city else {}),
        "description": {"purpose": contract.doc} | ({"limitations": usage} if usage else {}),
        **({"servers": [dict(s) for s in told.servers]} if told.servers else {}),
        "schema": [_table(contract, layer, told) for layer in tables(contract)],
        "slaProperties": _service_levels(contract, " ".join(told.freshness).replace("`", "")),
        "customProperties": _custom(
            thresholds=[dict(one) for one in told.limits] or None,
            madeOf=list(told.reads) or None,
            layer=contract.layer,
            datasetKind=contract.kind,
            eventTime=contract.event_time,
            intervalColumn=contract.interval,
            stamped=contract.stamped if contract.interval else None,
            earliestDate=contract.earliest.isoformat() if contract.event_time else None,
            futureToleranceSeconds=contract.future_tolerance.total_seconds() if contract.event_time else None,
            period=contract.period if contract.period != "day" else None,
            lookbackDays=contract.lookback_days or None,
            lookaheadDays=contract.lookahead_days or None,
            forbids=(list(contract.forbids) or None) if contract.layer == "feed" else None,
            sources=list(contract.sources) or None,
        ),
    }


def to_yaml(contract: Contract, beside: Beside | None = None) -> str:
    """The contract as ODCS YAML."""
    import yaml

    return yaml.safe_dump(project(contract, beside), sort_keys=False, allow_unicode=True, width=130)


def unique_key(contract: Contract, layer: str) -> tuple[str, ...]:
    """The columns that tell rows of one table apart; none in raw, where a redelivered event stands twice."""
    if layer == "raw":
        return ()
    return ("event_date", *contract.key) if layer in ("metrics", "published") else contract.key_in(layer)


def _table(contract: Contract, layer: str, told: Beside) -> dict[str, Any]:
    key = unique_key(contract, layer)
    return {
        "id": f"{layer}_{contract.name}",
        "name": f"{layer}.{contract.name}",
        "physicalName": f"{layer}/{contract.name}",
        "physicalType": "table",
        "logicalType": "object",
        "description": contract.doc,
        **({"dataGranularityDescription": f"one row per {', '.join(key)}"} if key else {}),
        "properties": [_property(c, key, contract, told.made_of.get(c.name)) for c in contract.stage_columns(layer)],
        **({"quality": checks} if (checks := _checks(contract, layer)) else {}),
    }


def _property(column: Column, key: tuple[str, ...], contract: Contract, made_of: Sequence[str] | None) -> dict[str, Any]:
    logical, physical = TYPES[column.kind]
    out: dict[str, Any] = {
        "id": column.name,
        "name": column.name,
        "logicalType": logical,
        "physicalType": physical,
        "description": column.doc,
        "required": not column.nullable,
        "classification": column.privacy,
    }
    if column.name in key:
        out |= {"primaryKey": True, "primaryKeyPosition": key.index(column.name) + 1}
    if column.name == "event_date":
        out |= {"partitioned": True, "partitionKeyPosition": 1}
    options = {"minimum": column.minimum, "maximum": column.maximum, "pattern": column.pattern}
    if column.kind in ("instant", "local_time"):
        options = {"timezone": column.kind == "instant"}
    if any(v is not None for v in options.values()):
        out["logicalTypeOptions"] = {k: v for k, v in options.items() if v is not None}
    if column.formula:
        out["transformDescription"] = column.formula
    if column.privacy != "open":
        out |= {"transformLogic": column.treatment, "transformDescription": TREATMENTS[column.privacy]}
    if made_of:
        out["transformSourceObjects"] = list(made_of)
    if contract.described is not None and column.name == contract.described.on:
        out["relationships"] = [_device(contract.described)]
    if column.allowed:
        out["quality"] = [
            {
                "type": "library",
                "metric": "invalidValues",
                "arguments": {"validValues": list(column.allowed)},
                "mustBe": 0,
                "dimension": "conformity",
                "severity": "error",
            }
        ]
    custom = _custom(unit=column.unit, default=column.default)
    return out | ({"customProperties": custom} if custom else {})


def _device(described: Described) -> dict[str, Any]:
    """The reference table's row of a device: of several, the one in force when the feed's row happened."""
    to = f"reference_{described.table}.odcs.yaml#/schema/reference_{described.table}/properties/{described.on}"
    return {"type": "foreignKey", "to": to, "customProperties": _custom(asOf="valid_from")}


def _checks(contract: Contract, layer: str) -> list[dict[str, Any]]:
    """Uniqueness of the key, row rules and table rules as ODCS quality checks that must count 0."""
    out: list[dict[str, Any]] = []
    if key := unique_key(contract, layer):
        out.append(
            {
                "name": "key_is_unique",
                "type": "library",
                "metric": "duplicateValues",
                "arguments": {"properties": list(key)},
                "description": "no two rows share the key",
                "dimension": "uniqueness",
                "severity": "error",
                "mustBe": 0,
            }
        )
    if contract.health is not None and layer == "refined":
        for verdict, condition in contract.health.tests:
            out.append({"name": f"health_{verdict}", "type": "text", "description": f"a device is {verdict} where {condition}"})
    if layer == "published":  # of what is withheld rules tell nothing
        return out
    rules = [(r.name, f"SELECT count(*) FROM ${{table}} WHERE NOT ({r.condition})", r.doc, "error") for r in contract.row_rules]
    severity = {"critical": "error", "warning": "warning"}
    rules += [(r.name, re.sub(r"\bthis\b", "${table}", r.broken), r.doc, severity[r.severity]) for r in contract.table_rules]
    for name, query, doc, level in rules:
        check = {"name": name, "type": "sql", "query": query, "description": doc}
        out.append({**check, "dimension": "conformity", "severity": level, "mustBe": 0})
    return out


def _service_levels(contract: Contract, freshness: str) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    if contract.event_time:
        late = contract.late_after.total_seconds()
        doc = "a row received later than this after its event counts as late; it is not refused"
        out.append({"property": "latency", "value": late, "unit": "s", "element": f"raw.{contract.name}", "description": doc})
    if contract.layer == "metric":
        month = contract.period == "month"
        doc = freshness or "a partition is measured again when what it reads has changed"
        out.append({"property": "frequency", "value": 1, "unit": "month" if month else "d", "description": doc})
    if contract.retention_days is not None:
        out.append({"property": "retention", "value": contract.retention_days, "unit": "d"})
    return out


def _custom(**values: Any) -> list[dict[str, Any]]:
    return [{"property": name, "value": value} for name, value in values.items() if value is not None]
