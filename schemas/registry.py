"""Finds every contract by walking feeds/, reference/ and metrics/. Adding a file adds a dataset.

No dataset is named here; a file whose name and contract disagree is a start-up error.
"""

import importlib
import pkgutil
from functools import cache

import schemas.feeds
import schemas.metrics
import schemas.reference
from schemas import alerts
from schemas.contract import Contract
from schemas.errors import CitylakeError, ContractError

FOLDERS = {"feed": schemas.feeds, "reference": schemas.reference, "metric": schemas.metrics}


@cache
def contracts(layer: str) -> dict[str, Contract]:
    """All contracts of a layer (`feed`, `reference` or `metric`) by name, sorted."""
    package = FOLDERS[layer]
    found: dict[str, Contract] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        contract = getattr(importlib.import_module(f"{package.__name__}.{module}"), "CONTRACT", None)
        if not isinstance(contract, Contract):
            raise ContractError(f"{package.__name__}.{module}", "no CONTRACT in the file", "declare CONTRACT = Contract(...)")
        if (contract.name, contract.layer) != (module, layer):
            raise ContractError(
                f"{package.__name__}.{module}",
                f"the contract calls itself {contract.layer} {contract.name}",
                f"name it {layer} {module} or rename the file",
            )
        found[module] = contract
    return found


def feeds() -> dict[str, Contract]:
    """Feeds by name."""
    return contracts("feed")


def references() -> dict[str, Contract]:
    """Reference tables by name."""
    return contracts("reference")


def metrics() -> dict[str, Contract]:
    """Metrics by name."""
    return contracts("metric")


def kernel() -> dict[str, Contract]:
    """Tables of the layer `metrics` that the house itself writes, and no SQL file: by name."""
    return {alerts.CONTRACT.name: alerts.CONTRACT}


def feed(name: str) -> Contract:
    """One feed, or an error that names the ones there are."""
    if name not in feeds():
        raise CitylakeError(f"feed {name}", "there is no such feed", f"use one of {', '.join(feeds())}")
    return feeds()[name]


def table_contracts() -> dict[str, Contract]:
    """Lake table (`raw.traffic_flow`, `metrics.energy_daily`, ...) to the contract that describes it."""
    out: dict[str, Contract] = {}
    for stage in ("raw", "refined"):
        out |= {f"{stage}.{n}": c for n, c in feeds().items()}
    out |= {f"metrics.{n}": c for n, c in (metrics() | kernel()).items()}
    out |= {f"reference.{n}": c for n, c in references().items()}
    return out
