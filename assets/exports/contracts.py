"""Writes every contract as an Open Data Contract Standard file, with the lineage and limits that the SQL tells.

What of a contract becomes which word of the standard is said in `schemas.odcs`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import assets
import schemas
from assets.dictionary import words
from assets.dictionary.entry import Entry, entries, packaged_limits
from assets.exports.aside import aside
from assets.exports.duckdb_file import DUCKDB
from assets.relations import limits as in_force
from schemas.city import City
from schemas.contract import Contract
from schemas.lake import Lake
from schemas.odcs import Beside, file_name, to_yaml

FOLDER = "contracts"

Limits = Mapping[str, Mapping[str, Any]]


def documents(city: str | None = None, limits: Limits | None = None, exported: bool = False) -> Iterator[tuple[Contract, Beside]]:
    """Every contract and what its document says besides.

    Args:
        limits: every threshold by name; by default the package's.
        exported: the documents stand beside the exports, and say where in these the tables are.
    """
    known = limits or {n: {**v, "value": float(v["value"])} for n, v in packaged_limits().items()}
    values = {name: float(limit["value"]) for name, limit in known.items()}
    for entry in entries():
        yield (
            entry.contract,
            Beside(
                city=city,
                servers=_servers(entry) if exported else (),
                made_of={n: m for n, m in entry.made_of.items() if m},
                reads=entry.reads,
                limits=[known[n] for n in entry.thresholds if n in known],
                usage=entry.published(values),
                freshness=words.freshness(entry.contract),
            ),
        )


def write_contracts(lake: Lake, city: City, folder: Path, before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Make `contracts/` of the exports hold one file per contract and no others.

    Args:
        before: what was returned the last time; where nothing has changed since, no SQL is parsed.

    Returns:
        digest, and files by name.

    Raises LakeError where the lake cannot be read or a file not written.
    """
    limits = {r["name"]: r for r in in_force(lake).to_dicts()}
    place, digest, last = folder / FOLDER, _digest(city, limits), dict(before or {})
    present = sorted(p.name for p in place.glob("*.odcs.yaml"))
    if last.get("digest") != digest or last.get("files") != present:
        wanted = write(place, documents(city.name, limits, exported=True))
        for name in set(present) - set(wanted):
            (place / name).unlink()
        present = wanted
    return {"digest": digest, "files": present}


def _digest(city: City, limits: Limits) -> str:
    """Changes with any file of the code that the documents are made of, the limits, and the city's name."""
    said = hashlib.sha256(f"{city.name}|{sorted(limits.items())}".encode())
    for package in (schemas, assets):
        for path in sorted(Path(package.__path__[0]).rglob("*")):
            if path.suffix in (".py", ".sql", ".csv", ".json"):
                said.update(path.read_bytes())
    return said.hexdigest()[:32]


def write(folder: Path, found: Iterable[tuple[Contract, Beside]]) -> list[str]:
    """Write a file per contract, each whole; their names."""
    names = []
    for contract, beside in found:
        path, text = folder / file_name(contract), to_yaml(contract, beside)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            with aside(path) as half:
                half.write_text(text, encoding="utf-8")
        names.append(path.name)
    return sorted(names)


def _servers(entry: Entry) -> list[dict[str, Any]]:
    """Where its tables are, from the file's own place: in the DuckDB file, and as Parquet where it is a metric."""
    schemas = {"feed": ("raw", "refined"), "metric": ("metrics",)}.get(entry.contract.layer, (entry.contract.layer,))
    out = [{"server": f"duckdb_{s}", "type": "duckdb", "database": f"../{DUCKDB}", "schema": s} for s in schemas]
    if entry.contract.layer == "metric":
        out.append({"server": "parquet", "type": "local", "path": f"../parquet/{entry.name}", "format": "parquet"})
    return out
