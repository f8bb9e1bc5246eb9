"""Good samples of every format there is, and bytes that went wrong on their way: flipped, cut, put in, doubled, spliced.

What must hold of them is test_fuzz.
"""

import gzip
import io
import json
import re
import tomllib
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from pipelines.formats import kinds

PACKED = "packed"
SAMPLES = Path(__file__).parents[1] / "samples"
NUMBER = re.compile(rb"-?\d+(\.\d+)?")
TOKENS = [
    b"", b"NaN", b"-Infinity", b"null", b"true", b"1e999", b"-1", b"255", b"65535", b"9" * 30, b"0.1", b"{", b"}", b"[", b"]",
    b'"', b"\\", b",", b":", b";", b"\n", b"\r", b"\r\n", b"\t", b"\0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\u0000",
    b"\\ud800", b"<", b">", b"&", b"</a>", b"<!--", b"<![CDATA[", b"<!DOCTYPE a [", b"'", b"$", b"/", b"2026-05-01T08:00:00Z",
    b"0001-01-01T00:00:00Z", b"99999-12-31T00:00:00Z", b"2026-03-29T02:30:00", b"\x7f" * 12, b"\x80\x80\x80\x80\x10",
    b"PK\x03\x04", b"\x1f\x8b\x08",
]  # fmt: skip


@dataclass(frozen=True)
class Seed:
    """A feed or reference table, a format, the settings its samples need, and the samples: name and bytes."""

    contract: str
    format: str
    settings: tuple
    samples: tuple[tuple[str, bytes], ...]

    @property
    def unpacked(self) -> tuple[tuple[str, bytes], ...]:
        """The samples that are as a decoder gets them."""
        return tuple((n, c) for n, c in self.samples if not n.startswith(PACKED))

    def __str__(self) -> str:
        return f"{self.contract}-{self.format}"


@cache
def seeds() -> tuple[Seed, ...]:
    """What is on disk under tests/samples: documents of each format, and rows written as lines, as CSV and as Parquet."""
    found = []
    for folder in sorted(p for p in SAMPLES.iterdir() if p.is_dir()):
        rows = [json.loads(p.read_text("utf-8")) for p in sorted(folder.glob("*.pass.json"))]
        if rows:
            found += [Seed(folder.name, fmt, (), _packed(name, content)) for fmt, name, content in _written(rows)]
        for documents in sorted(p for p in folder.iterdir() if p.is_dir()):
            beside = documents / "source.toml"
            block = tomllib.loads(beside.read_text("utf-8")) if beside.exists() else {}
            good = tuple((p.name, p.read_bytes()) for p in sorted(documents.glob("*.pass.*")))
            found.append(Seed(folder.name, documents.name, tuple(block.items()), good))
    return tuple(found)


def _packed(name: str, content: bytes) -> tuple[tuple[str, bytes], ...]:
    """A file as it is, and where a format may come so, in gzip and in a zip archive; its bytes stay readable, to be changed."""
    if name.endswith(".parquet"):
        return ((name, content),)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr(zipfile.ZipInfo(name), content)
    return (name, content), (f"{PACKED}.gz", gzip.compress(content, 0, mtime=0)), (f"{PACKED}.zip", archive.getvalue())


def _written(rows: list[dict]) -> list[tuple[str, str, bytes]]:
    lines = "".join(json.dumps(r) + "\n" for r in rows).encode()
    table = pl.read_ndjson(lines)
    packed = io.BytesIO()
    table.write_parquet(packed, compression="uncompressed", statistics=False)
    plain = table.select(pl.all().cast(pl.String)).write_csv().encode()
    return [
        ("json_lines", "a.jsonl", lines),
        ("csv", "a.csv", plain),
        ("parquet", "a.parquet", packed.getvalue()),
        ("json", "a.json", json.dumps(rows).encode()),
    ]


@st.composite
def mutated(draw: st.DrawFn, seed: Seed) -> tuple[str, bytes]:
    """The name of a sample and its bytes after one to four mishaps."""
    name, content = draw(st.sampled_from(seed.samples))
    for _ in range(draw(st.integers(1, 4))):
        content = draw(_mishap(content, tuple(other for _, other in seed.samples)))
    return name, content


@st.composite
def _mishap(draw: st.DrawFn, content: bytes, others: tuple[bytes, ...]) -> bytes:
    kind = draw(st.sampled_from(["flip", "cut", "drop", "insert", "double", "splice", "number"]))
    at = draw(st.integers(0, len(content)))
    end = min(len(content), at + draw(st.integers(0, 64)))
    if kind == "flip" and at < len(content):
        return content[:at] + bytes([content[at] ^ 1 << draw(st.integers(0, 7))]) + content[at + 1 :]
    if kind == "cut":
        return content[:at]
    if kind == "drop":
        return content[:at] + content[end:]
    if kind == "double":
        return content[:end] + content[at:end] * draw(st.integers(1, 3)) + content[end:]
    if kind == "splice":
        other = draw(st.sampled_from(others))
        return content[:at] + other[draw(st.integers(0, len(other))) :]
    if kind == "number" and (numbers := list(NUMBER.finditer(content))):
        where = draw(st.sampled_from(numbers)).span()
        return content[: where[0]] + draw(st.sampled_from(TOKENS)) + content[where[1] :]
    return content[:at] + draw(st.one_of(st.sampled_from(TOKENS), st.binary(max_size=8))) + content[at:]


def unfuzzed() -> set[str]:
    """Formats that have no sample to begin from."""
    return set(kinds.names()) - {s.format for s in seeds() if s.samples}
