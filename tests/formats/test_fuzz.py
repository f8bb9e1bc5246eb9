"""Every format stands whatever bytes come: no exception, no hang, and every row is kept, refused or left out, and counted.

Bytes begin as the format's own good samples (mutation.py). Formats are found, not listed.
"""

import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines import reference, steps
from pipelines.formats import kinds
from pipelines.formats.decoded import Decoded
from pipelines.sources.declared import of_reference, parse
from pipelines.sources.files import Limits
from pipelines.sources.plan import plan
from pipelines.sources.source import Source
from schemas import registry
from schemas.city import City
from schemas.contract import Contract
from schemas.errors import SourceError
from schemas.lake import Lake
from tests.formats.decoding import documents
from tests.formats.mutation import Seed, mutated, seeds, unfuzzed

AT, CITY = datetime(2026, 6, 1, tzinfo=UTC), City("Test", "Europe/Berlin")
LIMITS = Limits(chunk_bytes=512, line_bytes=4096, decompressed_bytes=1 << 24, document_bytes=1 << 22)
FEEDS = [s for s in seeds() if s.contract in registry.feeds()]
TABLES = [s for s in seeds() if s.contract in registry.references()]
DOCUMENTS = [replace(s, samples=bare) for s in seeds() if s.format in kinds.documents() and (bare := s.unpacked)]
# a hang, not a slow machine
HANG = timedelta(seconds=60)


def few(examples: int) -> Callable:
    return settings(max_examples=examples, deadline=HANG, suppress_health_check=list(HealthCheck), database=None)


@dataclass
class Landed:
    """What became of a file's rows."""

    decoded: int = 0
    kept: int = 0
    refused: int = 0
    filtered: int = 0


def source_of(seed: Seed, folder: Path, name: str) -> tuple[Contract, Source]:
    block = {"uri": name, "format": seed.format, **dict(seed.settings)}
    if seed.contract in registry.feeds():
        contract = registry.feeds()[seed.contract]
        return contract, parse(contract, "test", block, folder)
    contract = registry.references()[seed.contract]
    return contract, of_reference(contract, block, folder)


def land(seed: Seed, name: str, content: bytes) -> Landed:
    """Read, decode, conform and write, as landing does; nothing is committed."""
    folder, out = Path(tempfile.mkdtemp(prefix="citylake-fuzz-")), Landed()
    try:
        (folder / name).write_bytes(content)
        contract, source = source_of(seed, folder, name)
        lake = Lake(folder / "lake")
        planned = plan(lake, contract, source, LIMITS)
        landing = steps.Landing(lake, CITY, contract, source, LIMITS, planned.todo, AT)
        for chunk in (c for todo in planned.todo for split in todo.splits for c in steps.read(split, landing)):
            batch = steps.conform(steps.decode(chunk, landing), landing)
            tallies = steps.write(batch, landing).tallies
            out.decoded += batch.decoded.count
            out.kept += sum(t.kept for t in tallies)
            out.refused += sum(t.rejected for t in tallies)
            out.filtered += batch.filtered
            assert batch.decoded.payloads(batch.faults["_position"]).len() == batch.faults.height
        return out
    finally:
        shutil.rmtree(folder)


def alone(decoded: Decoded) -> list[tuple[dict, ...]]:
    """Wire rows and faults of each document, without their numbers."""
    frames = [*decoded.frames, decoded.faults.select("_position", "code", "expected")]
    rows = {r.pop("_position"): r for frame in frames for r in frame.iter_rows(named=True)}
    out: dict[int, list[dict]] = {}
    for number, document in enumerate(decoded.documents if decoded.documents is not None else []):
        out.setdefault(int(document), []).append({k: str(v) for k, v in rows[number].items() if v is not None})
    return [tuple(out[d]) for d in sorted(out)]


def closes(seed: Seed, sample: tuple[str, bytes]) -> None:
    landed = land(seed, *sample)
    assert landed.decoded == landed.kept + landed.refused + landed.filtered


def test_every_format_is_fuzzed() -> None:
    assert unfuzzed() == set()


@pytest.mark.parametrize("seed", FEEDS, ids=map(str, FEEDS))
def test_samples_land_as_they_are(seed: Seed) -> None:
    for sample in seed.samples:
        landed = land(seed, *sample)
        assert (landed.kept > 0, landed.refused) == (True, 0)


@pytest.mark.parametrize("seed", FEEDS, ids=map(str, FEEDS))
def test_the_books_close_on_any_bytes(seed: Seed) -> None:
    given(mutated(seed))(few(8)(lambda sample: closes(seed, sample)))()


@pytest.mark.slow
@pytest.mark.parametrize("seed", FEEDS, ids=map(str, FEEDS))
def test_the_books_close_on_very_many_bytes(seed: Seed) -> None:
    given(mutated(seed))(few(250)(lambda sample: closes(seed, sample)))()


def loads_or_says_why(seed: Seed, sample: tuple[str, bytes]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="citylake-fuzz-"))
    try:
        (folder / sample[0]).write_bytes(sample[1])
        contract, source = source_of(seed, folder, sample[0])
        with suppress(SourceError):
            reference.load(Lake(folder / "lake"), CITY, contract, source)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("seed", TABLES, ids=map(str, TABLES))
def test_a_reference_table_is_loaded_or_refused_with_a_reason(seed: Seed) -> None:
    given(mutated(seed))(few(8)(lambda sample: loads_or_says_why(seed, sample)))()


@pytest.mark.slow
@pytest.mark.parametrize("seed", TABLES, ids=map(str, TABLES))
def test_a_reference_table_is_loaded_or_refused_very_many_times(seed: Seed) -> None:
    given(mutated(seed))(few(250)(lambda sample: loads_or_says_why(seed, sample)))()


def same_together(seed: Seed, batch: list[tuple[str, bytes]]) -> None:
    contract, source = source_of(seed, Path.cwd(), "x")
    decode = kinds.module(seed.format).decode
    together = decode(documents(*(content for _, content in batch)), source, contract)
    apart = [decode(documents(content), source, contract) for _, content in batch]
    assert (np.diff(together.documents) >= 0).all()
    assert alone(together) == [rows for one in apart for rows in alone(one)]


@pytest.mark.parametrize("seed", DOCUMENTS, ids=map(str, DOCUMENTS))
def test_a_document_says_the_same_among_others(seed: Seed) -> None:
    whole = list(seed.samples)
    same_together(seed, whole)
    given(st.lists(mutated(seed), min_size=2, max_size=4))(few(4)(lambda batch: same_together(seed, [*batch, *whole[:2]])))()


@pytest.mark.slow
@pytest.mark.parametrize("seed", DOCUMENTS, ids=map(str, DOCUMENTS))
def test_a_document_says_the_same_among_very_many(seed: Seed) -> None:
    given(st.lists(mutated(seed), min_size=2, max_size=5))(few(120)(lambda batch: same_together(seed, batch)))()
