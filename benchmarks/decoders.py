"""How fast each format's decoder is, from bytes to wire columns, beside the fastest plain parse of the same bytes.

The bytes are made in `payloads`; landing as a whole is `throughput`.
"""

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
from google.transit import gtfs_realtime_pb2
from lxml import etree

from benchmarks.contender import Contender
from benchmarks.payloads import grown, samples
from benchmarks.result import Result, compared
from pipelines.formats import csv, json_lines, kinds, parquet
from pipelines.formats.lines import Lines
from pipelines.sources.declared import parse
from schemas.registry import feed

MB = 1_000_000
# what reads such bytes fastest without knowing what they mean
PLAIN: dict[str, tuple[str, Callable[[bytes], Any]]] = {
    "json": ("Polars read_json", lambda b: pl.read_json(io.BytesIO(b))),
    "json_lines": ("Polars read_ndjson", lambda b: pl.read_ndjson(io.BytesIO(b))),
    "csv": ("Polars read_csv", lambda b: pl.read_csv(io.BytesIO(b))),
    "parquet": ("Polars read_parquet", lambda b: pl.read_parquet(io.BytesIO(b))),
    "xml": ("lxml fromstring, a tree of it all", etree.fromstring),
    "pb": ("protobuf ParseFromString", lambda b: gtfs_realtime_pb2.FeedMessage().ParseFromString(b)),
    "dat": ("numpy, a copy of its bytes", lambda b: np.frombuffer(b, np.uint8).copy()),
}


@cache
def prepared(index: int, size: int) -> tuple[bytes, Callable[[bytes], int], Callable[[bytes], Any]]:
    """The bytes of the nth sample, our way to read them (it gives the rows), and the plain one."""
    sample = samples()[index]
    contract = feed(sample.feed)
    source = parse(contract, "bench", {"uri": "x", "format": sample.format, **sample.settings}, Path.cwd())

    def ours(content: bytes) -> int:
        if sample.format == "parquet":
            decoded = parquet.decode(pl.DataFrame(pl.from_arrow(pq.read_table(io.BytesIO(content)))), 0, source)
        elif sample.format == "csv":
            header, _, rest = content.partition(b"\n")
            decoded = csv.decode(Lines(rest), source, csv.read_header(header, source))
        elif sample.format == "json_lines":
            decoded = json_lines.decode(Lines(content), source, contract)
        else:
            whole = Lines.between(content, np.array([0]), np.array([len(content)]))
            decoded = kinds.module(sample.format).decode(whole, source, contract)
        if decoded.faults.height:
            raise RuntimeError(f"{sample.name}: {decoded.faults.row(0)}")
        return decoded.count

    return grown(sample, size), ours, PLAIN[sample.written][1]


def prepare(index: int, size: int) -> list[int]:
    """Make the bytes and run both once; how many bytes there are, and how many rows."""
    content, ours, plain = prepared(index, size)
    plain(content)
    return [len(content), ours(content)]


def read_ours(index: int, size: int) -> None:
    """Our decoder, once."""
    content, ours, _ = prepared(index, size)
    ours(content)


def read_plainly(index: int, size: int) -> None:
    """The plain parse, once."""
    content, _, plain = prepared(index, size)
    plain(content)


def measure(size: int, rounds: int, tell: Callable[[str], None]) -> list[Result]:
    """A line of the table for each format; ours and plain in turn, in one process a format."""
    out = []
    for index, sample in enumerate(samples()):
        tell(f"decoding {sample.name}")
        with Contender() as process:
            length, _rows = process.call("decoders:prepare", index, size).value
            ours, plain = [], []
            for turn in range(rounds):
                contenders = [(ours, "decoders:read_ours"), (plain, "decoders:read_plainly")]
                for speeds, function in contenders if turn % 2 == 0 else contenders[::-1]:
                    speeds.append(length / MB / process.call(function, index, size).seconds)
        name = f"decoding {sample.name}, {length / MB:.1f} MB"
        out.append(compared(name, "MB/s", ours, plain, PLAIN[sample.written][0], None))
    return out
