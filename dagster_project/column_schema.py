"""A contract's columns as Dagster shows them: type, unit, meaning and constraints.

Only the projection is here; what a column is stands in its contract.
"""

from typing import Any

import dagster as dg

from schemas.column import Column
from schemas.contract import Contract


def table_schema(contract: Contract, layer: str) -> dg.TableSchema:
    """The columns of the contract's table in a layer; a column's unit stands in brackets after its meaning."""
    arrow = contract.arrow_schema(layer)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(c.name, str(arrow.field(c.name).type), description=c.label, constraints=_constraints(c))
            for c in contract.stage_columns(layer)
        ],
        constraints=dg.TableConstraints(other=[f"unique: {', '.join(contract.key_in(layer))}"] if layer != "raw" else []),
    )


def definition_metadata(contract: Contract, layer: str) -> dict[str, Any]:
    """What is known of a table before it holds a row."""
    return {
        "dagster/column_schema": table_schema(contract, layer),
        "dagster/table_name": f"{layer}.{contract.name}",
        "contract_version": contract.version,
        **({"sources": "; ".join(contract.sources)} if contract.sources else {}),
    }


def description(contract: Contract, verb: str) -> str:
    """The contract's own words, and what this stage does."""
    return f"{contract.doc}\n\n{verb}"


def _constraints(column: Column) -> dg.TableColumnConstraints:
    said = []
    if column.minimum is not None:
        said.append(f">= {column.minimum:g}")
    if column.maximum is not None:
        said.append(f"<= {column.maximum:g}")
    if column.allowed:
        said.append(f"one of {', '.join(column.allowed)}")
    return dg.TableColumnConstraints(nullable=column.nullable, other=said)
