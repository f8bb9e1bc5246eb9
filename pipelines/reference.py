"""Loads reference tables (sensors, meters, ...) from a city's own files into the lake.

A reference table is small and must be right: one bad row refuses the file, and the lake keeps what it has.
"""

import hashlib

import polars as pl

from pipelines.mapping import apply
from pipelines.sources.files import FileFound, Limits, cut, find, open_binary
from pipelines.sources.plan import Todo
from pipelines.sources.source import Source
from pipelines.steps import Landing, decode, read
from schemas import conform
from schemas.city import City
from schemas.contract import Contract
from schemas.errors import SourceError
from schemas.lake import Lake


def load(lake: Lake, city: City, contract: Contract, source: Source) -> int:
    """Replace a reference table by the rows of its files; returns how many there are.

    Raises:
        SourceError: naming the first row the contract refuses.
    """
    files = find(source)
    if not files:
        raise SourceError(f"[reference] {contract.name}", f"{source.uri} names no file", "correct it in citylake.toml")
    read_in = [_rows(lake, city, contract, source, file) for file in files]
    rows = pl.concat(read_in).select(contract.names)
    doubled = rows.filter(rows.select(pl.struct(list(contract.key)).is_duplicated()).to_series())
    if doubled.height:
        raise SourceError(
            f"[reference] {contract.name}, {source.uri}",
            f"the key {doubled.select(contract.key).row(0)} stands twice",
            "keep one of the rows",
        )
    digest = hashlib.sha256()
    for file in files:
        with open_binary(file.uri) as handle:
            digest.update(handle.read())
    digest.update(f"{contract.version}".encode())
    part = lake.write_part("reference", contract.name, None, digest.hexdigest()[:20], rows.sort(contract.key))
    lake.replace_table("reference", contract.name, contract.arrow_schema("reference"), part)
    return rows.height


def _rows(lake: Lake, city: City, contract: Contract, source: Source, file: FileFound) -> pl.DataFrame:
    landing = Landing(lake, city, contract, source, Limits(), (Todo(file, "", 0, 0, ()),), file.received_at)
    kept, faults = [pl.DataFrame(schema=contract.polars_schema())], []
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
            f"[reference] {contract.name}, {file.uri} at {first['_position']}",
            f"{first['code']} in {first['column']}: found {first['found']!r}, expected {first['expected']}",
            "correct the file; the lake keeps the table it has",
        )
    return pl.concat([k.select(contract.names) for k in kept])
