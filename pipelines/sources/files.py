"""Files, local and on S3: which there are, who they are, and how they are cut into splits.

Reading a split's bytes is `reading`; what the bytes mean is the formats'.
"""

import glob
import hashlib
import os
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.formats import csv, kinds, parquet
from pipelines.sources.source import Source
from schemas.errors import SourceError
from schemas.storage import is_remote, s3_options


@dataclass(frozen=True)
class Limits:
    """Bounds on hostile input; `[limits]` in citylake.toml.

    Attributes:
        chunk_bytes: bytes decoded at once; memory grows with it, not with the file.
        line_bytes: a longer line is refused.
        ratio: decompressed over compressed bytes above which a file is a bomb.
        decompressed_bytes: of one file or member.
        document_bytes: of one file or member whose format is read whole.
    """

    chunk_bytes: int = 24 << 20
    line_bytes: int = 1 << 20
    ratio: int = 200
    decompressed_bytes: int = 64 << 30
    document_bytes: int = 256 << 20


@dataclass(frozen=True)
class FileFound:
    """A file as it is now. `etag` is S3's, or the local modification time in ns."""

    uri: str
    size: int
    etag: str
    received_at: datetime


@dataclass(frozen=True)
class Split:
    """A range of a file that one worker reads: bytes of plain text, row groups of Parquet, or all of it."""

    file: FileFound
    start: int
    end: int
    header: tuple[str, ...] = ()
    newline: bytes = b"\n"
    compression: str = ""
    member: str = ""
    first_row: int = 0
    group: int = 0
    broken: str = ""

    @property
    def stem(self) -> str:
        """Name of the parts written from here: the same range gives the same name."""
        text = f"{self.file.uri}\0{self.member}"
        return f"{hashlib.sha256(text.encode()).hexdigest()[:20]}-{self.start:014d}"


def s3() -> Any:
    """The s3fs file system, with endpoint and credentials of the environment."""
    import s3fs

    options = s3_options()
    return s3fs.S3FileSystem(
        endpoint_url=options.get("aws_endpoint_url"),
        client_kwargs={"region_name": options["aws_region"]},
        use_listings_cache=False,
        config_kwargs={"connect_timeout": 5, "read_timeout": 30, "retries": {"max_attempts": 3}},
    )


def open_binary(uri: str) -> Any:
    """Open a file for reading at any place."""
    return s3().open(uri.removeprefix("s3://"), "rb") if is_remote(uri) else open(uri, "rb")


def find(source: Source) -> list[FileFound]:
    """The files that a source's uri names now, sorted by name.

    Raises:
        SourceError: a plain path that is missing or a folder, or a store that refuses.
    """
    where = f"feed {source.feed}, source {source.name}"
    if is_remote(source.uri):
        return _find_s3(source.uri, where)
    if not glob.has_magic(source.uri):
        if os.path.isdir(source.uri):
            raise SourceError(where, f"{source.uri} is a folder", f"name its files, such as {source.uri}/*.csv")
        if not os.path.exists(source.uri):
            raise SourceError(where, f"{source.uri} is not there", "correct uri in citylake.toml")
    paths = [source.uri] if os.path.isfile(source.uri) else sorted(glob.glob(source.uri, recursive=True))
    out = []
    for path in paths:
        if os.path.isfile(path):
            state = os.stat(path)
            out.append(FileFound(path, state.st_size, str(state.st_mtime_ns), datetime.fromtimestamp(state.st_mtime, UTC)))
    return out


def _find_s3(uri: str, where: str) -> list[FileFound]:
    from botocore.exceptions import BotoCoreError  # comes with s3fs

    try:
        store = s3()
        pattern = uri.removeprefix("s3://")
        found = store.glob(pattern, detail=True) if glob.has_magic(pattern) else {pattern: store.info(pattern)}
    except FileNotFoundError as error:
        raise SourceError(where, f"{uri} is not there", "correct uri in citylake.toml") from error
    except (OSError, BotoCoreError) as error:
        text = " ".join(str(error).split())[:200]
        raise SourceError(
            where, f"{uri}: {text}", "check AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from error
    return [
        FileFound(f"s3://{name}", info["size"], str(info.get("ETag", "")).strip('"'), info["LastModified"].astimezone(UTC))
        for name, info in sorted(found.items())
        if info["type"] == "file"
    ]


def cut(file: FileFound, source: Source, limits: Limits, start: int = 0) -> list[Split]:
    """Cut a file into splits from position `start` on. Only the head of the file is read."""
    if source.format == "parquet":
        try:
            with open_binary(file.uri) as handle:
                parsed = pq.ParquetFile(handle)
                groups, header = parquet.row_groups(parsed), tuple(parsed.schema_arrow.names)
        except (pa.ArrowException, OSError, UnicodeError) as error:
            return [Split(file, 0, file.size, broken=" ".join(str(error).split())[:200])]
        return [
            Split(file, first, first + rows, header, first_row=first, group=i) for i, (first, rows) in enumerate(groups) if rows
        ]
    if not source.is_cut and getattr(kinds.module(source.format), "ARCHIVES", False):  # the format is an archive itself
        return [Split(file, 0, file.size)]
    with open_binary(file.uri) as handle:
        head = handle.read(min(limits.line_bytes, 1 << 18))
        zipped = head.startswith(b"PK\x03\x04") and (file.uri.lower().endswith(".zip") or zipfile.is_zipfile(handle))
    compression = "gzip" if head.startswith(b"\x1f\x8b\x08") else "zip" if zipped else ""
    if compression or not source.is_cut:
        return [Split(file, 0, file.size, compression=compression)]
    newline, first_line = line_ends(head)
    header = csv.read_header(first_line, source) if source.format == "csv" else ()
    begin = max(start, len(first_line) if source.format == "csv" and source.header else 0)
    edges = [*range(begin, file.size, limits.chunk_bytes), file.size]
    return [Split(file, a, b, header, newline) for a, b in pairwise(edges) if b > a]


def line_ends(head: bytes) -> tuple[bytes, bytes]:
    """The line end of a file (LF, CRLF counts as LF, or CR alone) and its first line with it."""
    newline = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
    line, mark, _ = head.partition(newline)
    return newline, line + mark


def app_id(feed: str, uri: str) -> str:
    """Identity of a source file in a table's transactions."""
    return f"{feed}:{hashlib.sha256(uri.encode()).hexdigest()[:24]}:{Path(uri).name[:40]}"
