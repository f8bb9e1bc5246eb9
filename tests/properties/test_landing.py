"""Properties of landing: the books close whatever the bytes; chunks and neighbours change nothing."""

import json
import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sources.files import Limits
from tests.landing.driver import Inbox, event

OWN = ["sensor_id", "lane", "observed_at", "interval_s", "vehicle_count", "mean_speed_kmh", "occupancy_share", "_position"]

values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.lists(st.integers(), max_size=2),
    st.sampled_from(["", "NaN", "-1", 255, 65535, 1e308, "2026-05-01T08:00:00Z", "9999-12-31T23:59:59Z", {"a": 1}]),
)  # fmt: skip
changed = st.builds(lambda k, v: json.dumps(event(**{k: v})).encode(), st.sampled_from(list(event())), values)
clean = st.builds(lambda m, c: json.dumps(event("ok", m, vehicle_count=c)).encode(), st.integers(0, 59), st.integers(0, 100))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good line with some bytes cut out, put in or exchanged."""
    line = bytearray(draw(clean))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(line)))
        line[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4)).replace(b"\n", b"")
    return bytes(line)


batches = st.lists(
    st.one_of(clean, clean, changed, mutated(), st.binary(max_size=20).map(lambda b: b.replace(b"\n", b""))), max_size=25
)


def landed(content: bytes, chunk: int = 1 << 20) -> Inbox:
    inbox = Inbox(Path(tempfile.mkdtemp(prefix="citylake-")))
    inbox.put("a.jsonl", content)
    inbox.land("traffic_flow", limits=Limits(chunk_bytes=chunk), uri="a.jsonl", format="json_lines")
    return inbox


def lines_that_count(content: bytes) -> int:
    """By the slow way: lines are what newlines part; those of nothing but a line end are no rows."""
    newline = b"\r" if b"\r" in content and b"\n" not in content else b"\n"
    parts = content.removeprefix(b"\xef\xbb\xbf").split(newline)
    return sum(1 for p in parts if p.removesuffix(b"\r"))


@given(batches)
@settings(max_examples=60)
def test_every_line_is_kept_or_refused(batch: list[bytes]) -> None:
    content = b"\n".join(batch)
    inbox = landed(content)
    try:
        assert inbox.off_by() == 0
        assert inbox.raw("traffic_flow").height + inbox.refused("traffic_flow").height == lines_that_count(content)
    finally:
        shutil.rmtree(inbox.folder)


@given(batches, st.integers(60, 700))
@settings(max_examples=30)
def test_chunks_and_neighbours_change_nothing(batch: list[bytes], chunk: int) -> None:
    content = b"\n".join(batch) + b"\n"
    whole, parts = landed(content), landed(content, chunk)
    try:
        assert whole.raw("traffic_flow").select(OWN).equals(parts.raw("traffic_flow").select(OWN))
        said = ["_position", "code", "column", "payload"]
        if whole.refused("traffic_flow").height:
            assert whole.refused("traffic_flow").select(said).equals(parts.refused("traffic_flow").select(said))
        assert parts.off_by() == 0
    finally:
        shutil.rmtree(whole.folder)
        shutil.rmtree(parts.folder)


@given(st.lists(clean, min_size=1, max_size=20), st.lists(st.one_of(changed, mutated()), max_size=5), st.randoms())
@settings(max_examples=25)
def test_good_rows_land_whatever_stands_between_them(good: list[bytes], bad: list[bytes], random) -> None:
    mine = [line.replace(b'"ok"', b'"mine"') for line in good]
    mixed = mine + bad
    random.shuffle(mixed)
    inbox = landed(b"\n".join(mixed) + b"\n")
    try:
        raw = inbox.raw("traffic_flow")
        came = raw.filter(raw["sensor_id"] == "mine")["vehicle_count"].to_list()
        assert sorted(came) == sorted(json.loads(line)["vehicle_count"] for line in good)
    finally:
        shutil.rmtree(inbox.folder)
