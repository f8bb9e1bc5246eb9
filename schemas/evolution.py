"""Guards released contracts: a lock file per version, and what would break those who rely on it.

A lock holds the shape of a dataset, no prose. What a contract means is said by the contract alone.
"""

import json
import sys
from itertools import chain
from pathlib import Path
from typing import Any

from schemas.contract import Contract
from schemas.errors import ContractError

FOLDER = Path(__file__).parent / "released"
SHAPE = ("kind", "unit", "nullable", "default", "minimum", "maximum", "allowed", "pattern", "privacy")
FIXED = ("layer", "key", "kind", "event_time", "interval", "stamped")
"""What a contract may not change within a version."""


def lock_name(contract: Contract) -> str:
    """The file name of a contract version's lock."""
    return f"{contract.layer}_{contract.name}.v{contract.version}.json"


def locked(contract: Contract) -> dict[str, Any]:
    """The shape of a contract as JSON values: equal shapes accept and promise the same."""
    shape: dict[str, Any] = {"name": contract.name, "version": contract.version}
    shape |= {f: getattr(contract, f) for f in FIXED}
    shape["row_rules"] = {r.name: r.condition for r in contract.row_rules}
    shape["columns"] = {c.name: {f: getattr(c, f) for f in SHAPE} | {"privacy": c.treatment} for c in contract.columns}
    return json.loads(json.dumps(shape))


def breaking_changes(old: dict[str, Any], contract: Contract) -> list[str]:
    """What of `old` (a lock) the contract breaks, one line each; empty where both readers and sources can go on.

    Readers break on a column that is gone, retyped or newly empty. Sources of feeds and reference tables also
    break on a rule that refuses what was kept; metrics have no sources, and may become stricter.
    """
    new = locked(contract)
    out = [f"{f} was {old[f]!r}, is {new[f]!r}" for f in FIXED if old[f] != new[f]]
    fed = contract.layer != "metric"
    for name, was in old["columns"].items():
        if name not in contract:
            out.append(f"column {name} is gone")
            continue
        now = new["columns"][name]
        changes = chain(_reader_changes(was, now), _source_changes(was, now) if fed else ())
        out += [f"column {name}: {change}" for change in changes]
    if fed:
        gained = [c for c in contract.columns if c.name not in old["columns"]]
        out += [f"column {c.name} is new and required" for c in gained if not c.may_be_absent]
        rules = new["row_rules"].items()
        out += [f"row rule {n} is new or changed" for n, condition in rules if old["row_rules"].get(n) != condition]
    return out


def _reader_changes(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    out = [f"{f} was {was[f]!r}, is {now[f]!r}" for f in ("kind", "unit", "privacy") if was[f] != now[f]]
    if now["nullable"] and not was["nullable"]:
        out.append("was required, may be empty")
    if was["default"] is not None and was["default"] != now["default"]:
        out.append(f"default was {was['default']!r}, is {now['default']!r}")
    return out


def _source_changes(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    out = []
    if was["nullable"] and not now["nullable"] and now["default"] is None:
        out.append("could be empty, is required")
    if now["minimum"] is not None and (was["minimum"] is None or was["minimum"] < now["minimum"]):
        out.append(f"minimum was {was['minimum']}, is {now['minimum']}")
    if now["maximum"] is not None and (was["maximum"] is None or was["maximum"] > now["maximum"]):
        out.append(f"maximum was {was['maximum']}, is {now['maximum']}")
    lost = set(was["allowed"] or ()) - set(now["allowed"] or ())
    if now["allowed"] is not None and (was["allowed"] is None or lost):
        out.append(f"allowed values were {was['allowed'] or 'any'}, are {now['allowed']}")
    if now["pattern"] is not None and was["pattern"] != now["pattern"]:
        out.append(f"pattern was {was['pattern'] or 'any'}, is {now['pattern']}")
    return out


def unreleased(contract: Contract, folder: Path = FOLDER) -> bool:
    """Whether the lock of the contract's version is missing or behind the contract.

    Raises:
        ContractError: the contract breaks the released lock of its own version, or a later version is out.
    """
    where = f"{contract.layer} {contract.name} v{contract.version}"
    later = [v for v in released_versions(contract, folder) if v > contract.version]
    if later:
        raise ContractError(where, f"version {later[-1]} was released before", f"set version={later[-1]} or higher")
    file = folder / lock_name(contract)
    if not file.exists():
        return True
    old = json.loads(file.read_text("utf-8"))
    broken = breaking_changes(old, contract)
    if broken:
        raise ContractError(where, "; ".join(broken), f"undo it, or set version={contract.version + 1}")
    return old != locked(contract)


def released_versions(contract: Contract, folder: Path = FOLDER) -> list[int]:
    """The versions of a contract that have a lock, in order."""
    stem = f"{contract.layer}_{contract.name}.v"
    return sorted(int(f.name.removeprefix(stem).removesuffix(".json")) for f in folder.glob(f"{stem}*.json"))


def release(folder: Path = FOLDER, contracts: list[Contract] | None = None) -> list[Path]:
    """Write the locks that are missing or behind, all or none; returns the files written.

    Raises:
        ContractError: a contract breaks its released version; nothing is written then.
    """
    if contracts is None:
        from schemas import registry

        contracts = [c for layer in registry.FOLDERS for c in registry.contracts(layer).values()]
        contracts += registry.kernel().values()
    due = [c for c in contracts if unreleased(c, folder)]
    for contract in due:
        (folder / lock_name(contract)).write_text(json.dumps(locked(contract), indent=1) + "\n", "utf-8")
    return [folder / lock_name(c) for c in due]


if __name__ == "__main__":
    sys.stdout.writelines(f"{file.name}\n" for file in release())
