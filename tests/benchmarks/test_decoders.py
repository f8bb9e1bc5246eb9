"""The benchmark of decoders: every format takes part, its bytes grow, and what comes out grows with them."""

import pytest

from benchmarks import decoders, payloads
from pipelines.formats import kinds
from schemas import registry

SAMPLES = payloads.samples()


def test_every_format_takes_part() -> None:
    archives = {f for f in kinds.documents() if getattr(kinds.module(f), "ARCHIVES", False)}
    of_references = {f for r in registry.references() for f in kinds.documents() if (payloads.SAMPLES / r / f).is_dir()}
    assert {s.format for s in SAMPLES} == set(kinds.names()) - archives - of_references
    assert len({s.name for s in SAMPLES}) == len(SAMPLES)


@pytest.mark.parametrize("index", range(len(SAMPLES)), ids=[s.name for s in SAMPLES])
def test_a_payload_twice_as_long_has_about_twice_the_rows(index: int) -> None:
    some, rows = decoders.prepare(index, 40_000)
    more, more_rows = decoders.prepare(index, 80_000)
    assert 15_000 < some < more < 200_000
    assert 1.5 < more / some < 2.5
    assert 1.5 < more_rows / rows < 2.6


def test_a_line_of_the_table_for_each_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "samples", lambda: SAMPLES[:1])
    monkeypatch.setattr(decoders, "samples", lambda: SAMPLES[:1])
    (line,) = decoders.measure(20_000, 1, lambda _: None)
    assert (line.unit, line.ours > 0, line.peer > 0, line.aim) == ("MB/s", True, True, None)
