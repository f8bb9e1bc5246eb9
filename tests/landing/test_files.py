"""Files as they come: compressed, broken, huge, empty, growing, changed; each landed once and counted."""

import gzip
import io
import json
import os
import time
import zipfile

import polars as pl
import pytest

from pipelines.sources.files import Limits
from schemas.errors import SourceError
from tests.landing.driver import Inbox, event

BLOCK = {"format": "json_lines"}


def lines(sensor: str, count: int = 3) -> bytes:
    return b"".join(json.dumps(event(sensor, m)).encode() + b"\n" for m in range(count))


def sensors(inbox: Inbox) -> list[str]:
    return inbox.raw("traffic_flow")["sensor_id"].to_list()


def test_gzip_of_several_members(inbox: Inbox) -> None:
    inbox.put("a.jsonl.gz", gzip.compress(lines("a")) + gzip.compress(lines("b")) + b"\0" * 10)
    inbox.land("traffic_flow", uri="*.gz", **BLOCK)
    assert sensors(inbox) == ["a"] * 3 + ["b"] * 3
    assert inbox.refused("traffic_flow").height == 0


def test_zip_leaves_out_what_macos_adds(inbox: Inbox) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.jsonl", lines("x"))
        archive.writestr("__MACOSX/._x.jsonl", b"\0\1\2")
        archive.writestr("y.jsonl", lines("y"))
    inbox.put("a.zip", buffer.getvalue())
    inbox.land("traffic_flow", uri="a.zip", **BLOCK)
    assert sensors(inbox) == ["x"] * 3 + ["y"] * 3
    assert inbox.raw("traffic_flow")["_source"].str.split("!").list.last().unique().sort().to_list() == ["x.jsonl", "y.jsonl"]


@pytest.mark.parametrize("size", [40, 200])
def test_truncated_gzip_keeps_what_was_readable(inbox: Inbox, size: int) -> None:
    whole = gzip.compress(b"".join(lines(os.urandom(8).hex(), 1) for _ in range(50)))
    inbox.put("a.gz", whole[: len(whole) - size])
    inbox.land("traffic_flow", uri="a.gz", **BLOCK)
    assert inbox.codes("traffic_flow") == [("unreadable_file", None)]
    assert 0 < inbox.raw("traffic_flow").height < 50
    assert inbox.off_by() == 0


def test_a_bomb_is_bounded(inbox: Inbox) -> None:
    inbox.put("a.gz", gzip.compress(lines("a") + b"\n" * (300 << 20), 9))
    inbox.land("traffic_flow", limits=Limits(ratio=50), uri="a.gz", **BLOCK)
    assert inbox.codes("traffic_flow") == [("over_limit", None)]
    assert sensors(inbox) == ["a"] * 3


def test_an_absolute_limit_bounds_too(inbox: Inbox) -> None:
    inbox.put("a.gz", gzip.compress(lines("a", 60) * 2000))
    inbox.land("traffic_flow", limits=Limits(decompressed_bytes=2 << 20, chunk_bytes=1 << 20), uri="a.gz", **BLOCK)
    assert ("over_limit", None) in inbox.codes("traffic_flow")
    assert 0 < inbox.raw("traffic_flow").height < 120_000
    assert inbox.off_by() == 0


def test_garbage_in_a_zip_and_in_parquet(inbox: Inbox) -> None:
    inbox.put("a.zip", b"PK\x03\x04garbage")
    inbox.put("b.parquet", b"PAR1 no parquet at all")
    inbox.put("c.parquet", b"")
    inbox.land("traffic_flow", uri="a.zip", **BLOCK)
    inbox.land("traffic_flow", uri="*.parquet", format="parquet")
    assert inbox.codes("traffic_flow") == [("unreadable_file", None)] * 3
    assert inbox.off_by() == 0


def test_a_ten_megabyte_line_is_refused_alone(inbox: Inbox) -> None:
    monster = json.dumps(event("monster", note="x" * (10 << 20))).encode() + b"\n"
    inbox.put("a.jsonl", lines("before") + monster + lines("after"))
    for chunk in (24 << 20, 1 << 20, 64 << 10):
        other = Inbox(inbox.folder / f"chunk{chunk}") if (inbox.folder / f"chunk{chunk}").mkdir() is None else inbox
        other.land("traffic_flow", limits=Limits(chunk_bytes=chunk), uri=str(inbox.folder / "inbox" / "a.jsonl"), **BLOCK)
        assert sensors(other) == ["before"] * 3 + ["after"] * 3
        assert other.codes("traffic_flow") == [("over_limit", None)]
        assert other.off_by() == 0


def test_an_empty_file_is_seen_once(inbox: Inbox) -> None:
    inbox.put("a.jsonl", b"")
    assert len(inbox.land("traffic_flow", uri="a.jsonl", **BLOCK).todo) == 1
    again = inbox.land("traffic_flow", uri="a.jsonl", **BLOCK)
    assert (again.todo, again.landed) == ((), 1)


def test_folder_missing_file_and_strange_paths(inbox: Inbox) -> None:
    with pytest.raises(SourceError, match=r"is a folder; name its files"):
        inbox.land("traffic_flow", uri=".", **BLOCK)
    with pytest.raises(SourceError, match=r"is not there; correct uri"):
        inbox.land("traffic_flow", uri="nothing.jsonl", **BLOCK)
    inbox.put("with space/ünï'code.jsonl", lines("a"))
    inbox.land("traffic_flow", uri="nowhere/../with space/*.jsonl", **BLOCK)
    assert sensors(inbox) == ["a"] * 3


def test_a_file_is_landed_once(inbox: Inbox) -> None:
    inbox.put("a.jsonl", lines("a"))
    inbox.land("traffic_flow", uri="*.jsonl", **BLOCK)
    inbox.put("b.jsonl", lines("b"))
    again = inbox.land("traffic_flow", uri="*.jsonl", **BLOCK)
    assert (len(again.todo), again.landed) == (1, 1)
    assert sensors(inbox) == ["a"] * 3 + ["b"] * 3


def test_a_file_that_grew_is_refused_unless_declared(inbox: Inbox) -> None:
    path = inbox.put("a.jsonl", lines("a"))
    inbox.land("traffic_flow", uri="a.jsonl", **BLOCK)
    path.write_bytes(path.read_bytes() + lines("b"))
    planned = inbox.land("traffic_flow", uri="a.jsonl", **BLOCK)
    assert "changed after it was landed" in planned.refused[0].found
    assert "append_only" in planned.refused[0].remedy
    assert sensors(inbox) == ["a"] * 3


def test_an_append_only_file_lands_its_tail_whole_lines_only(inbox: Inbox) -> None:
    block = {**BLOCK, "append_only": True}
    path = inbox.put("a.jsonl", lines("a") + b'{"sensor_id": "half')
    inbox.land("traffic_flow", uri="a.jsonl", **block)
    assert sensors(inbox) == ["a"] * 3
    path.write_bytes(lines("a") + json.dumps(event("half-done")).encode() + b"\n{bad\n")
    inbox.land("traffic_flow", uri="a.jsonl", **block)
    inbox.land("traffic_flow", uri="a.jsonl", **block)
    assert sensors(inbox) == ["a"] * 3 + ["half-done"]
    assert inbox.codes("traffic_flow") == [("malformed", None)]
    assert inbox.off_by() == 0
    path.write_bytes(b"")
    assert "shrank" in inbox.land("traffic_flow", uri="a.jsonl", **block).refused[0].found


def test_an_append_only_csv_keeps_its_header(inbox: Inbox) -> None:
    head = b"sensor_id,observed_at,interval_s,vehicle_count\n"
    path = inbox.put("a.csv", head + b"a,2026-05-01T08:00:00Z,60,1\n")
    block = {"format": "csv", "append_only": True, "columns": {k: k for k in head.decode().strip().split(",")}}
    inbox.land("traffic_flow", uri="a.csv", **block)
    path.write_bytes(path.read_bytes() + b"b,2026-05-01T08:00:00Z,60,2\n")
    inbox.land("traffic_flow", uri="a.csv", **block)
    assert inbox.raw("traffic_flow").select("sensor_id", "vehicle_count").rows() == [("a", 1), ("b", 2)]


def test_a_touched_file_is_refused_with_a_reason(inbox: Inbox) -> None:
    path = inbox.put("a.jsonl", lines("a"))
    inbox.land("traffic_flow", uri="a.jsonl", **BLOCK)
    os.utime(path, (time.time() + 5, time.time() + 5))
    assert len(inbox.land("traffic_flow", uri="a.jsonl", **BLOCK).refused) == 1


def test_parquet_types_and_row_groups(inbox: Inbox) -> None:
    frame = pl.DataFrame([event(f"s{i}", i % 60) for i in range(1000)]).with_columns(
        pl.col("vehicle_count").cast(pl.Int16),
        pl.col("mean_speed_kmh").cast(pl.Float32),
        pl.col("observed_at").str.to_datetime("%Y-%m-%dT%H:%M:%SZ"),
    )
    path = inbox.put("a.parquet", b"")
    frame.write_parquet(path, row_group_size=100)
    inbox.land("traffic_flow", uri="a.parquet", format="parquet")
    raw = inbox.raw("traffic_flow")
    assert raw["sensor_id"].to_list() == frame["sensor_id"].to_list()
    assert raw["_position"].to_list() == list(range(1000))
    assert inbox.off_by() == 0


def test_an_error_in_a_worker_comes_out_as_itself(inbox: Inbox) -> None:
    inbox.put("a.jsonl", lines("a"))
    with pytest.raises(SourceError, match=r"\[feeds.traffic_flow.sources.test\] where: .*compare texts with texts"):
        inbox.land("traffic_flow", beam=True, uri="a.jsonl", where="vehicle_count = 'x'", **BLOCK)
    assert inbox.raw("traffic_flow").height == 0


def test_beam_gives_what_the_verbs_give(inbox: Inbox) -> None:
    inbox.put("a.jsonl", b"".join(lines(f"s{i}", 60) for i in range(50)) + b"{bad\n")
    inbox.land("traffic_flow", limits=Limits(chunk_bytes=20_000), beam=True, uri="a.jsonl", **BLOCK)
    (inbox.folder / "other").mkdir()
    plain = Inbox(inbox.folder / "other")
    plain.land("traffic_flow", uri=str(inbox.folder / "inbox/a.jsonl"), **BLOCK)
    assert inbox.raw("traffic_flow").equals(plain.raw("traffic_flow").with_columns(inbox.raw("traffic_flow")["_landed_at"]))
    assert inbox.codes("traffic_flow") == plain.codes("traffic_flow") == [("malformed", None)]
    assert inbox.off_by() == 0
