"""Event logs of Econolite controllers (.dat, and .datZ, which is the same compressed with zlib).

An ASCII header, one name and value per line, ending with the phases in use; then four bytes per event: code, parameter, and
tenths of a second since the log began, big-endian. The log's begin is the controller's wall clock. Wire names are those of the
header ("Intersection #", "IP Address", ...), and EventCode, EventParam and Timestamp. What codes mean does not belong here.
"""

import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl

from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.conform import no_faults
from schemas.contract import Contract
from schemas.rejection import Code

RECORD = np.dtype([("EventCode", "u1"), ("EventParam", "u1"), ("tenths", ">u2")])
INFLATED_BYTES = 64 << 20
"""No log is near it: offsets reach 6553.5 s, and a busy hour is some hundred kilobytes."""
LAST_LINE = re.compile(rb"Phases in use:[^\n]*\n")
BEGINS = re.compile(r"Controller Data Log Beginning:,\s*(\d+)/(\d+)/(\d+),?\s*(\d+):(\d+):(\d+)(?:\.(\d+))?\s*$", re.M)
NAMED = re.compile(r"(?:^|,)([A-Za-z][^:,]*?)\s*:,([^\r\n]*)")


@dataclass
class _Log:
    """One document: what its header says, its records, and what is wrong with it."""

    header: dict[str, str] = field(default_factory=dict)
    begins_us: int = 0
    records: np.ndarray = field(default_factory=lambda: np.empty(0, RECORD))
    rest: bytes = b""
    fault: tuple[Code, str] | None = None

    @property
    def rows(self) -> int:
        return 1 if self.fault else len(self.records) + bool(self.rest)


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """A row per event; what is left of a log that was cut off within an event is one malformed row."""
    raw = documents.raw()
    # a log is some kilobytes: the loop is over files, never over events
    logs = [_read(document) for document in raw]
    rows = np.array([log.rows for log in logs], np.int64)
    of = np.repeat(np.arange(len(logs)), rows)
    first = np.cumsum(rows) - rows
    kept = np.array([len(log.records) for log in logs], np.int64)
    of_kept = np.repeat(np.arange(len(logs)), kept)
    records = np.concatenate([log.records for log in logs]) if logs else np.empty(0, RECORD)
    within = np.arange(kept.sum()) - np.repeat(np.cumsum(kept) - kept, kept)
    begins = np.array([log.begins_us for log in logs], np.int64)
    told = {
        "EventCode": lambda: pl.Series(records["EventCode"].astype(np.int64)),
        "EventParam": lambda: pl.Series(records["EventParam"].astype(np.int64)),
        "Timestamp": lambda: pl.Series(begins[of_kept] + records["tenths"].astype(np.int64) * 100_000).cast(pl.Datetime("us")),
    }
    columns = {"_position": pl.Series(first[of_kept] + within, dtype=pl.Int64)}
    for name in source.document_names:
        if name in told:
            columns[name] = told[name]()
        else:
            columns[name] = pl.Series([log.header.get(name) for log in logs], dtype=pl.String).gather(of_kept)
    broken = [_fault(first[i], log) for i, log in enumerate(logs) if log.fault or log.rest]

    def payloads(positions: pl.Series) -> pl.Series:
        at = positions.to_numpy()
        shown = [_payload(logs[d], raw[int(d)], int(p - first[d])) for p, d in zip(at, of[at], strict=True)]
        return pl.Series("payload", shown, dtype=pl.String)

    return Decoded((pl.DataFrame(columns),), pl.concat(broken) if broken else no_faults(), payloads, of)


def _read(document: bytes) -> _Log:
    if document[:1] == b"\x78" and len(document) > 1 and int.from_bytes(document[:2], "big") % 31 == 0:
        inflater = zlib.decompressobj()
        try:
            document = inflater.decompress(document, INFLATED_BYTES)
        except zlib.error as error:
            return _Log(fault=(Code.UNREADABLE_FILE, f"zlib: {error}"))
        if inflater.unconsumed_tail:
            return _Log(fault=(Code.OVER_LIMIT, f"more than {INFLATED_BYTES} bytes"))
        if not inflater.eof:
            return _Log(fault=(Code.UNREADABLE_FILE, "zlib: the end is missing"))
    end = LAST_LINE.search(document)
    if end is None:
        return _Log(fault=(Code.MALFORMED, "no header that ends with the phases in use"))
    text = document[: end.end()].decode("ascii", "replace")
    begins = BEGINS.search(text)
    began = _instant(begins) if begins else None
    if began is None:
        return _Log(fault=(Code.MALFORMED, "no begin of the log in its header"))
    body = document[end.end() :]
    whole = len(body) // RECORD.itemsize * RECORD.itemsize
    header = {name.strip(): value.strip() for name, value in NAMED.findall(text)}
    return _Log(header, began, np.frombuffer(body[:whole], RECORD), body[whole:])


def _instant(begins: re.Match[str]) -> int | None:
    """Microseconds of the wall clock, as if it were UTC: the source's zone makes an instant of it later."""
    try:
        month, day, year, hour, minute, second = (int(g) for g in begins.groups()[:6])
        at = datetime(year, month, day, hour, minute, second)
    except (ValueError, OverflowError):
        return None
    fraction = int(((begins[7] or "") + "000000")[:6])
    return (at - datetime(1970, 1, 1)) // _MICROSECOND + fraction


_MICROSECOND = datetime.resolution


def _fault(first: int, log: _Log) -> pl.DataFrame:
    if log.fault:
        return faults(pl.Series([first], dtype=pl.Int64), log.fault[0], "an Econolite event log", log.fault[1])
    at = pl.Series([first + len(log.records)], dtype=pl.Int64)
    return faults(at, Code.MALFORMED, "four bytes per event", f"{len(log.rest)} bytes")


def _payload(log: _Log, document: bytes, number: int) -> str:
    """The event in hexadecimal digits; of a log that is none, all of it."""
    if log.fault:
        return document.decode(errors="backslashreplace")
    return (log.records[number : number + 1].tobytes() or log.rest).hex()
