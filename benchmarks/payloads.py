"""Documents of any size out of the formats' own good samples: what repeats in a sample is repeated until it is big enough.

Who reads them how fast is `decoders`.
"""

import copy
import io
import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from lxml import etree

from pipelines.formats import kinds

SAMPLES = Path(__file__).parents[1] / "tests" / "samples"
EVENTS_BEGIN = re.compile(rb"Phases in use:[^\n]*\n")


@dataclass(frozen=True)
class Sample:
    """A sample document of a format: the feed it is for, the settings it needs, and how its bytes are written."""

    feed: str
    format: str
    path: Path
    settings: dict[str, Any]

    @property
    def written(self) -> str:
        """json, xml, pb, dat, csv, jsonl or parquet."""
        return self.path.suffix.lstrip(".") if self.format in kinds.documents() else self.format

    @property
    def name(self) -> str:
        return self.format if self.written in (self.format, "json", "xml", "dat") else f"{self.format} ({self.written})"


def samples() -> list[Sample]:
    """The largest sample of each format and way of writing it; archives of other formats are left out."""
    found: dict[tuple[str, str], Sample] = {}
    for path in sorted(SAMPLES.glob("*/*/*.pass.*")):
        fmt, beside = path.parent.name, path.parent / "source.toml"
        if fmt not in kinds.documents() or getattr(kinds.module(fmt), "ARCHIVES", False):
            continue
        sample = Sample(path.parents[1].name, fmt, path, tomllib.loads(beside.read_text("utf-8")) if beside.exists() else {})
        best = found.get((fmt, sample.written))
        if sample.written in GROWN and (best is None or path.stat().st_size > best.path.stat().st_size):
            found[fmt, sample.written] = sample
    rows = next(SAMPLES.glob("traffic_flow/whole_row.pass.json"))
    of_rows = [Sample("traffic_flow", fmt, rows, {}) for fmt in ("json_lines", "csv", "parquet")]
    return [*of_rows, *(found[key] for key in sorted(found))]


def grown(sample: Sample, size: int) -> bytes:
    """A document of about this many bytes that says what the sample says, over and over."""
    content = sample.path.read_bytes()
    return _xml(content, size, ROWS[sample.format]) if sample.format in ROWS else GROWN[sample.written](content, size)


def _json(content: bytes, size: int) -> bytes:
    document = json.loads(content)
    rows = _longest_list(document)
    if rows is None:
        document = rows = [document]
    each = max(len(json.dumps(rows)) // len(rows), 1)
    rows *= max(size // (each * len(rows)), 1)
    return json.dumps(document).encode()


def _longest_list(node: Any) -> list | None:
    """The list that holds most: of a document, the one its rows are in."""
    found = [node] if isinstance(node, list) and node and isinstance(node[0], dict) else []
    if not found:
        inner = node.values() if isinstance(node, dict) else []
        found = [lst for lst in map(_longest_list, inner) if lst is not None]
    return max(found, key=lambda lst: len(json.dumps(lst)), default=None)


def _xml(content: bytes, size: int, tag: str | None = None) -> bytes:
    root = etree.fromstring(content)
    # rows are what their parent has several of; the outermost such parent, unless the format's rows are known
    wanted = (p for p in root.iter() if len(p) > 1 and sum(c.tag == p[-1].tag for c in p) > 1)
    parent = next(p for p in wanted if tag is None or etree.QName(p[-1]).localname == tag)
    row = parent[-1]
    for _ in range(size // max(len(etree.tostring(row)), 1)):
        parent.append(copy.copy(row))
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _lines(content: bytes, size: int) -> bytes:
    line = json.dumps(json.loads(content)).encode() + b"\n"
    return line * max(size // len(line), 1)


def _table(content: bytes, size: int) -> pl.DataFrame:
    return pl.read_ndjson(_lines(content, size))


def _csv(content: bytes, size: int) -> bytes:
    # a row of CSV is about half its JSON
    return _table(content, 2 * size).write_csv().encode()


def _parquet(content: bytes, size: int) -> bytes:
    table, packed = _table(content, size), io.BytesIO()
    # bytes that repeat shrink to nothing: plain pages are what a decoder has to read
    table.write_parquet(packed, compression="uncompressed", use_pyarrow=True, pyarrow_options={"use_dictionary": False})
    return packed.getvalue()


def _protobuf(content: bytes, size: int) -> bytes:
    # messages one behind another are one message with the entities of all
    return content * max(size // len(content), 1)


def _records(content: bytes, size: int) -> bytes:
    begin = EVENTS_BEGIN.search(content)
    events = content[begin.end() :] if begin else b""
    return content[: len(content) - len(events)] + events * max(size // max(len(events), 1), 1)


ROWS = {"espi": "IntervalReading"}
"""What a row is in XML where documents repeat larger things, too."""

GROWN = {"json": _json, "xml": _xml, "json_lines": _lines, "csv": _csv, "parquet": _parquet, "pb": _protobuf, "dat": _records}
