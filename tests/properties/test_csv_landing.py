"""Properties of landing CSV: the books close whatever the bytes; where a file is cut changes nothing.

Lines of JSON are tested in test_landing.
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sources.files import Limits
from tests.landing.driver import Inbox

from .test_landing import lines_that_count

FEED = "parking_occupancy"
COLUMNS = {"facility_id": "column_1", "capacity": "column_2", "occupied": "column_3", "observed_at": "column_4"}
SAID = ["facility_id", "observed_at", "occupied", "capacity", "_position"]
WIDE = {
    "unpivot": {"keep": ["Time"], "name": "park", "value": "taken"},
    "columns": {"facility_id": "park", "observed_at": {"from": "Time", "format": "%d/%m/%Y %H:%M"}, "occupied": "taken"},
}

FIRST = b"P,1,1,2026-05-01 08:00:00"
"""Of a file without header the first line says how many columns there are."""

ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
good = st.builds(lambda p, n, m: f"P{p},577,{n},2026-05-01 08:{m:02d}:00".encode(), *(st.integers(0, 59) for _ in range(3)))
quoted = st.builds(
    lambda p, n: f'"P{p}, ""old""","1,577","{n}",2026-05-01 08:00:00\t'.encode(), st.integers(0, 9), st.integers(0, 99)
)
odd = st.sampled_from(
    [b"P1,577", b"P1,577,1,2026-05-01 08:00:00,more", b'P1,"577,1,2026-05-01 08:00:00', b"P\xff,1,1,x", b",,,", b'"']
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good line with some bytes cut out, put in or exchanged."""
    line = bytearray(draw(st.one_of(good, quoted)))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(line)))
        line[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4)).replace(b"\n", b"").replace(b"\r", b"")
    return bytes(line)


lines = st.lists(st.one_of(good, good, quoted, odd, mutated()), min_size=1, max_size=25)


def landed(content: bytes, chunk: int = 1 << 20, **block: object) -> Inbox:
    inbox = Inbox(Path(tempfile.mkdtemp(prefix="citylake-")))
    inbox.put("a.csv", content)
    inbox.land(FEED, limits=Limits(chunk_bytes=chunk), uri="a.csv", format="csv", **block)
    return inbox


@given(lines, ends, st.sampled_from(["utf-8", "latin-1"]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_every_line_is_kept_or_refused(batch: list[bytes], end: bytes, encoding: str, short: bool) -> None:
    content = end.join([FIRST, *batch])
    inbox = landed(content, header=False, encoding=encoding, short_lines=short, thousands=",", columns=COLUMNS)
    try:
        assert inbox.off_by() == 0
        assert inbox.raw(FEED).height + inbox.refused(FEED).height == lines_that_count(content)
    finally:
        shutil.rmtree(inbox.folder)


@given(lines, ends, st.integers(40, 300), st.booleans())
@settings(max_examples=12, deadline=None)
def test_where_a_file_is_cut_changes_nothing(batch: list[bytes], end: bytes, chunk: int, short: bool) -> None:
    content = end.join([FIRST, *batch]) + end
    block = {"header": False, "thousands": ",", "short_lines": short, "columns": COLUMNS}
    whole, parts = landed(content, **block), landed(content, chunk, **block)
    try:
        assert whole.raw(FEED).select(SAID).equals(parts.raw(FEED).select(SAID))
        said = ["code", "column"]
        assert sorted(whole.refused(FEED).select(said).rows(), key=str) == sorted(
            parts.refused(FEED).select(said).rows(), key=str
        )
        assert parts.off_by() == 0
    finally:
        shutil.rmtree(whole.folder)
        shutil.rmtree(parts.folder)


fields = st.one_of(st.integers(-5, 600).map(str), st.sampled_from(["", "x", '"7"', "NaN", "1.5"]))


@given(st.lists(st.lists(fields, max_size=4), max_size=12), ends, st.booleans())
@settings(max_examples=15, deadline=None)
def test_a_wide_file_keeps_its_books(rows: list[list[str]], end: bytes, short: bool) -> None:
    texts = ["Time,A,B,C", *(f"01/05/2026 08:{i:02d}" + "".join(f",{v}" for v in row) for i, row in enumerate(rows))]
    inbox = landed(end.join(t.encode() for t in texts), short_lines=short, **WIDE)
    try:
        assert inbox.off_by() == 0
        fit = [row for row in rows if len(row) == 3 or (short and len(row) < 3)]
        counts = [v.strip('"') for row in fit for v in row if v]
        ok = [v for v in counts if v.lstrip("-").isdigit() and int(v) >= 0]
        assert inbox.raw(FEED).height == len(ok)
        assert inbox.refused(FEED).height == len(counts) - len(ok) + len(rows) - len(fit)
    finally:
        shutil.rmtree(inbox.folder)
