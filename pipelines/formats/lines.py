"""Lines of a buffer without copying them: where each begins and ends, and what it says as text.

What a line means is the business of json_lines and csv.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa

NEWLINE, RETURN, SPACE = 0x0A, 0x0D, 0x20
STRETCH = 1 << 20
BOM = b"\xef\xbb\xbf"
# a word of eight bytes of which one is 1, modulo 19, says which one it is
PLACES = np.zeros(19, np.int64)
PLACES[np.eye(8, dtype=np.uint8).view(np.uint64).ravel() % np.uint64(19)] = np.arange(8)


@dataclass(frozen=True)
class Lines:
    """The lines of a buffer.

    Attributes:
        data: UTF-8 (or, where a device misbehaved, anything) with LF line ends.
        offset: position of the buffer's first byte in its source.
        encoding: as declared; single-byte encodings become UTF-8 when read as text.
    """

    data: bytes
    offset: int = 0
    encoding: str = "utf-8"

    @classmethod
    def between(cls, data: bytes, starts: np.ndarray, ends: np.ndarray) -> "Lines":
        """Stretches of a buffer whose bounds are known; they may have line ends within."""
        made = cls(data)
        made.__dict__["bounds"] = (starts, ends)
        return made

    @cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends (without line end) of the lines that are not blank."""
        raw = np.frombuffer(self.data, np.uint8)
        breaks = _where(raw, NEWLINE)
        starts = np.concatenate(([0], breaks + 1))
        ends = np.concatenate((breaks, [raw.size]))
        if self.data.startswith(BOM) and self.offset == 0:
            starts[0] = len(BOM)
        filled = ends > starts
        starts, ends = starts[filled], ends[filled]
        if starts.size:
            ends = ends - (raw[ends - 1] == RETURN)
            filled = ends > starts
            starts, ends = starts[filled], ends[filled]
        return starts, ends

    @property
    def count(self) -> int:
        """How many lines are not blank."""
        return int(self.bounds[0].size)

    @cached_property
    def positions(self) -> pl.Series:
        """Position of each line in its source."""
        return pl.Series("_position", self.bounds[0] + self.offset, dtype=pl.Int64)

    @cached_property
    def is_utf8(self) -> bool:
        """Whether the whole buffer is text; one bad line makes it false."""
        if self.encoding != "utf-8":
            return True
        try:
            self.data.decode()
        except UnicodeDecodeError:
            return False
        return True

    def raw(self) -> pl.Series:
        """The lines as bytes, over the buffer itself."""
        starts, ends = self.bounds
        # views over line and gap alternate, so that one offsets array serves without a copy of the data
        offsets = np.empty(2 * starts.size + 1, np.int64)
        offsets[0:-1:2], offsets[1::2] = starts, ends
        offsets[-1] = ends[-1] if ends.size else 0
        array = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), 2 * starts.size, [None, pa.py_buffer(offsets), pa.py_buffer(self.data)]
        )
        return pl.Series("line", array).gather_every(2)

    def texts(self) -> pl.Series:
        """The lines as text; null where the bytes are not."""
        if self.encoding != "utf-8":
            return Lines(self.data.decode(self.encoding, "replace").encode(), self.offset).raw().cast(pl.String)
        if self.is_utf8:
            return self.raw().cast(pl.String)
        # no newline can be part of a broken character, so the lines of the repaired buffer are the same lines
        repaired = Lines(self.data.decode(errors="replace").encode(), self.offset).raw().cast(pl.String)
        doubtful = repaired.str.contains("\ufffd", literal=True).arg_true()
        broken = [i for i, b in zip(doubtful, self.raw().gather(doubtful), strict=True) if not _is_text(b)]
        return repaired.scatter(broken, None) if broken else repaired

    def documents(self) -> pa.LargeStringArray:
        """The lines of a buffer that is text, each with the line end after it; nothing is copied."""
        starts = self.bounds[0]
        offsets = np.append(starts, len(self.data)).astype(np.int64)
        return pa.LargeStringArray.from_buffers(starts.size, pa.py_buffer(offsets), pa.py_buffer(self.data))

    def blanked(self, chosen: np.ndarray) -> bytes:
        """The buffer with the chosen lines overwritten by spaces, so that the others stay where they are."""
        raw = np.frombuffer(self.data, np.uint8).copy()
        starts, ends = (b[chosen] for b in self.bounds)
        raw[_ranges(starts, ends - starts)] = SPACE
        return raw.tobytes()

    def only(self, chosen: np.ndarray) -> "Lines":
        """The chosen lines as a buffer of their own; its positions count from 0."""
        starts, ends = (b[chosen] for b in self.bounds)
        sizes = ends - starts + 1
        taken = np.frombuffer(self.data, np.uint8).take(_ranges(starts, sizes), mode="clip")
        taken[np.cumsum(sizes) - 1] = NEWLINE
        return Lines(taken.tobytes(), 0, self.encoding)

    def payloads(self, positions: pl.Series) -> pl.Series:
        """The lines at these positions as text, bytes that are no text as \\xNN."""
        index = self.positions.search_sorted(positions)
        chosen = self.raw().gather(index)
        if self.encoding != "utf-8":
            return pl.Series("payload", [b.decode(self.encoding) for b in chosen], dtype=pl.String)
        try:
            return chosen.cast(pl.String).rename("payload")
        except pl.exceptions.ComputeError:  # some are no text
            return pl.Series("payload", [b.decode(errors="backslashreplace") for b in chosen], dtype=pl.String)


def _ranges(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The indices of several stretches, one after another."""
    before = np.cumsum(sizes) - sizes
    return np.repeat(starts - before, sizes) + np.arange(sizes.sum())


def _where(raw: np.ndarray, byte: int) -> np.ndarray:
    """Where a byte stands, looked for eight bytes at once, in stretches that stay in the processor's cache."""
    found = [_in_stretch(raw[at : at + STRETCH] == byte) + at for at in range(0, raw.size, STRETCH)]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _in_stretch(hits: np.ndarray) -> np.ndarray:
    words = hits[: hits.size // 8 * 8].view(np.uint64)
    held = np.flatnonzero(words != 0)
    told = words[held]
    if hits[words.size * 8 :].any() or (told & (told - np.uint64(1))).any():  # the end, or two in one word
        return np.flatnonzero(hits)
    return held * 8 + PLACES[told % np.uint64(19)]


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True
