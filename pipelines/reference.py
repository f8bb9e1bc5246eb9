"""Loads reference tables (sensors, meters, ...) from a city's own files into the lake.

A reference table is small and must be right: one bad row refuses the file, and the lake keeps what it has.
"""

import hashlib
from pathlib import Path

import polars as pl

from pipelines.mapping import apply
from pipelines.sources.block import parse
from pipelines.sources.files import Limits, cut, find, open_binary
from pipelines.sources.plan import Todo
from pipelines.steps import Landing, decode, read
from schemas import conform
from schemas.city import City
from schemas.contract import Contract
from schemas.errors import SourceError
from schemas.lake import Lake


def load(lake: Lake, city: City, contract: Contract, uri: str) -> int:
    """Replace a reference table by the file's rows; returns how many there are.

    Raises:
        SourceError: naming the first row the contract refuses.
    """
    fmt = "parquet" if uri.endswith(".parquet") else "csv"
    source = parse(contract, contract.name, {"uri": uri, "format": fmt}, Path.cwd())
    files = find(source)
    if not files:
        raise SourceError(f"[reference] {contract.name}", f"{uri} names no file", "correct it in citylake.toml")
    file = files[0]
    landing = Landing(lake, city, contract, source, Limits(), (Todo(file, "", 0, 0, ()),), file.received_at)
    kept, faults = [], []
    for split in cut(file, source, landing.limits):
        for chunk in read(split, landing):
            batch = decode(chunk, landing)
            faults.append(batch.decoded.faults)
            for frame in batch.decoded:
                mapped = apply(frame, source, contract)
                good, bad = conform.split(mapped.rows, contract, file.received_at)
                kept.append(good)
                faults += [mapped.faults, bad]
    found = pl.concat(faults) if faults else conform.no_faults()
    if found.height:
        first = found.row(0, named=True)
        raise SourceError(
            f"[reference] {contract.name}, {uri} at byte {first['_position']}",
            f"{first['code']} in {first['column']}: found {first['found']!r}, expected {first['expected']}",
            "correct the file; the lake keeps the table it has",
        )
    rows = pl.concat(kept).select(contract.names) if kept else pl.DataFrame(schema=contract.polars_schema())
    doubled = rows.filter(rows.select(pl.struct(list(contract.key)).is_duplicated()).to_series())
    if doubled.height:
        raise SourceError(
            f"[reference] {contract.name}, {uri}",
            f"the key {doubled.select(contract.key).row(0)} stands twice",
            "keep one of the rows",
        )
    with open_binary(uri) as handle:
        stem = hashlib.sha256(handle.read() + f"{contract.version}".encode()).hexdigest()[:20]
    part = lake.write_part("reference", contract.name, None, stem, rows.sort(contract.key))
    lake.replace_table("reference", contract.name, contract.arrow_schema("reference"), part)
    return rows.height
