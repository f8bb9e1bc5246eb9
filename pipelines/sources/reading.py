"""Bytes of a split as whole lines, chunk by chunk, or as a document; gzip and zip bounded against bombs.

Which splits there are is `files`; what a line says is the formats'.
"""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.formats import csv
from pipelines.sources.files import Limits, Split, line_ends, open_binary
from pipelines.sources.source import Source
from schemas.errors import SourceError

STEP = 1 << 20
PEEK = 1 << 16
BROKEN = (EOFError, OSError, zlib.error, zipfile.BadZipFile, RuntimeError, NotImplementedError)
"""What a compressed file that is none raises."""


@dataclass(frozen=True)
class Chunk:
    """Whole lines of a split, or whole documents.

    Attributes:
        documents: name of each document (of a member, or empty) and where it ends in the bytes; none for lines.
        offset: position of the first byte in the (decompressed) source.
        broken: why reading stopped here, where it did; the chunk is then the last.
        long: positions of lines over the limit; their bytes are left out.
    """

    split: Split
    data: bytes
    offset: int
    header: tuple[str, ...] = ()
    member: str = ""
    broken: str | None = None
    over_limit: bool = False
    long: tuple[int, ...] = ()
    documents: tuple[tuple[str, int], ...] = ()


def chunks(split: Split, source: Source, limits: Limits) -> Iterator[Chunk]:
    """The chunks of a split: of lines, or of documents."""
    if split.broken:
        yield Chunk(split, b"", split.start, broken=split.broken)
        return
    if not source.is_cut:
        yield from _documents(split, limits)
        return
    if not split.compression:
        yield _range(split, limits)
        return
    try:
        for member, stream in _gzip(split) if split.compression == "gzip" else _zip(split):
            yield from _stream(split, member, stream, source, limits)
    except zipfile.BadZipFile as error:
        yield Chunk(split, b"", 0, broken=str(error))


def _documents(split: Split, limits: Limits) -> Iterator[Chunk]:
    """Files and members whole, small ones together. One that is too large, or broken, gives no bytes but the reason."""
    members: Iterator[tuple[str, Bytes]] = iter([("", _plain(split))])
    if split.compression:
        members = _gzip(split) if split.compression == "gzip" else _zip(split)
    held, ends = bytearray(), []
    try:
        for member, pieces in members:
            begin, broken, over = len(held), None, False
            try:
                for piece, compressed in pieces:
                    held += piece
                    size = len(held) - begin
                    bomb = size > 64 * STEP and size > limits.ratio * compressed
                    if bomb or size > min(limits.document_bytes, limits.decompressed_bytes):
                        broken, over = f"{size} bytes or more out of {compressed}", True
                        break
            except BROKEN as error:
                broken = " ".join(str(error).split())[:200] or type(error).__name__
            if broken:
                del held[begin:]
                yield Chunk(split, b"", 0, (), member, broken, over)
            elif len(held) > begin:
                ends.append((member, len(held)))
            if len(held) >= limits.chunk_bytes:
                yield Chunk(split, bytes(held), 0, member=ends[0][0], documents=tuple(ends))
                held, ends = bytearray(), []
    except zipfile.BadZipFile as error:
        yield Chunk(split, b"", 0, broken=str(error))
    if ends:
        yield Chunk(split, bytes(held), 0, member=ends[0][0], documents=tuple(ends))


def _range(split: Split, limits: Limits) -> Chunk:
    """Lines that begin within [start, end): the one cut by `start` is the split before's."""
    with open_binary(split.file.uri) as handle:
        begin, end = split.start, _line_end(handle, split, limits)
        if begin > 0:
            begin = _line_begin(handle, split, end)
        handle.seek(begin)
        data = handle.read(end - begin)
        if len(data) < end - begin:
            raise SourceError(split.file.uri, "the file became shorter while it was read", "land it again when it is at rest")
    if split.newline == b"\r":
        data = data.replace(b"\r", b"\n")
    data, long = without_long_lines(data, begin, limits)
    return Chunk(split, data, begin, split.header, long=long)


def _line_end(handle: Any, split: Split, limits: Limits) -> int:
    """Where the line that holds the split's last byte ends; at most the length of a line beyond it.

    What was appended after the file was listed belongs to a later landing.
    """
    at = split.end - 1
    handle.seek(at)
    while at < min(split.file.size, split.end + limits.line_bytes + 1):
        piece = handle.read(min(PEEK, split.file.size - at))
        cut = piece.find(split.newline)
        if cut >= 0 or not piece:
            return at + cut + 1 if cut >= 0 else at
        at += len(piece)
    return at


def _line_begin(handle: Any, split: Split, end: int) -> int:
    """Where the first line that begins within the split begins; `end` where none does."""
    at = split.start - 1
    handle.seek(at)
    while at < split.end:
        piece = handle.read(min(PEEK, split.end - at))
        cut = piece.find(split.newline)
        if cut >= 0 and at + cut + 1 < split.end:
            return at + cut + 1
        if cut >= 0 or not piece:
            return end
        at += len(piece)
    return end


def without_long_lines(data: bytes, offset: int, limits: Limits) -> tuple[bytes, tuple[int, ...]]:
    """Blank out lines over the limit, so that the positions of the others stay."""
    if len(data) <= limits.line_bytes:
        return data, ()
    long, start = [], 0
    # hops from newline to newline over stretches as long as the limit: a few steps a chunk, not one a line
    while len(data) - start > limits.line_bytes:
        end = data.rfind(b"\n", start, start + limits.line_bytes + 1)
        if end >= 0:
            start = end + 1
            continue
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        long.append(offset + start)
        data = data[:start] + b"\n" * (end - start) + data[end:]
        start = end + 1
    return data, tuple(long)


Bytes = Iterator[tuple[bytes, int]]
"""Decompressed pieces, each with the compressed bytes read so far."""


def _plain(split: Split) -> Bytes:
    with open_binary(split.file.uri) as handle:
        read = 0
        while piece := handle.read(STEP):
            read += len(piece)
            yield piece, read


def _gzip(split: Split) -> Iterator[tuple[str, Bytes]]:
    def pieces() -> Bytes:
        with open_binary(split.file.uri) as handle:
            inflate, begun, read = zlib.decompressobj(wbits=31), False, 0
            while block := handle.read(STEP):
                read += len(block)
                while block:
                    begun = True
                    yield inflate.decompress(block, 4 * STEP), read
                    block = inflate.unconsumed_tail
                    if inflate.eof:  # a gzip file may hold several members, and zeros after the last
                        block = inflate.unused_data.lstrip(b"\0")
                        inflate, begun = zlib.decompressobj(wbits=31), False
            if begun:
                yield inflate.flush(), read
                if not inflate.eof:
                    raise EOFError("the gzip stream ends too early")

    yield "", pieces()


def _zip(split: Split) -> Iterator[tuple[str, Bytes]]:
    with open_binary(split.file.uri) as handle, _archive(handle) as archive:
        for info in archive.infolist():
            hidden = info.filename.startswith("__MACOSX/") or info.filename.rsplit("/", 1)[-1].startswith(".")
            if info.filename.endswith("/") or hidden:
                continue

            def pieces(info: zipfile.ZipInfo = info) -> Bytes:
                with archive.open(info) as member:
                    while piece := member.read(STEP):
                        yield piece, max(info.compress_size, 1)

            yield info.filename, pieces()


def _archive(handle: Any) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(handle)
    except (ValueError, NotImplementedError) as error:  # a directory in which bytes are wrong
        raise zipfile.BadZipFile(str(error)) from error


def _stream(split: Split, member: str, pieces: Bytes, source: Source, limits: Limits) -> Iterator[Chunk]:
    """Cut a decompressed stream into chunks of whole lines."""
    held, offset, total, newline, first = bytearray(), 0, 0, b"\n", True
    header: tuple[str, ...] = ()
    broken, over = None, False
    try:
        for piece, compressed in pieces:
            held += piece
            total += len(piece)
            if total > limits.decompressed_bytes or (total > 64 * STEP and total > limits.ratio * compressed):
                broken, over = f"{total} bytes out of {compressed}", True
                break
            if len(held) < limits.chunk_bytes:
                continue
            if first:
                newline, header, skip = _opening(bytes(held[: limits.line_bytes]), source)
                del held[:skip]
                offset, first = offset + skip, False
            end = held.rfind(newline) + 1
            if end:
                yield _chunk(split, member, bytes(held[:end]), offset, header, newline, limits)
                del held[:end]
                offset += end
            elif len(held) > limits.chunk_bytes + limits.line_bytes:
                broken, over = f"a line of more than {len(held)} bytes", True
                break
    except BROKEN as error:
        broken = " ".join(str(error).split())[:200] or type(error).__name__
    if first:
        newline, header, skip = _opening(bytes(held[: limits.line_bytes]), source)
        del held[:skip]
        offset += skip
    if broken:  # the line that was being read when it broke is part of the broken rest
        del held[held.rfind(newline) + 1 :]
    last = _chunk(split, member, bytes(held), offset, header, newline, limits)
    yield Chunk(split, last.data, offset, header, member, broken, over, last.long)


def _opening(head: bytes, source: Source) -> tuple[bytes, tuple[str, ...], int]:
    newline, first_line = line_ends(head)
    if source.format != "csv":
        return newline, (), 0
    return newline, csv.read_header(first_line, source), len(first_line) if source.header else 0


def _chunk(split: Split, member: str, data: bytes, offset: int, header: tuple[str, ...], newline: bytes, limits: Limits) -> Chunk:
    if newline == b"\r":
        data = data.replace(b"\r", b"\n")
    data, long = without_long_lines(data, offset, limits)
    return Chunk(split, data, offset, header, member, long=long)
