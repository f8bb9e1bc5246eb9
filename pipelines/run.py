"""Runs the landing of one source: plan it, build the pipeline, run it on the asked runner, say what became of it.

The default runner is Beam's in-process one; any other Beam option is passed through untouched.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TextIO, cast

import polars as pl

from pipelines import faults, progress
from pipelines.privacy import keys
from pipelines.sources.files import Limits
from pipelines.sources.plan import Plan, Refusal, plan
from pipelines.sources.source import Source
from schemas import ledger
from schemas.city import City
from schemas.contract import Contract
from schemas.errors import LakeError
from schemas.lake import Lake

# two chunks at once: while one is cut into lines in one thread, the other is parsed in the next
IN_PROCESS = ("--direct_running_mode=multi_threading", f"--direct_num_workers={min(os.cpu_count() or 1, 2)}")


@dataclass(frozen=True)
class Landed:
    """What a landing of one source did, as the ledger has it."""

    feed: str
    source: str
    files: int
    known: int
    refused: tuple[Refusal, ...]
    taken: int
    kept: int
    rejected: int
    late: int


def land(
    lake: Lake,
    city: City,
    contract: Contract,
    source: Source,
    at: datetime,
    limits: Limits | None = None,
    beam_options: Sequence[str] = (),
    listener: Callable[[int], None] | None = None,
    planned: Plan | None = None,
) -> Landed:
    """Land what a source has and the lake has not.

    Args:
        at: the time of landing, `_landed_at` of its rows.
        beam_options: such as ``["--runner=FlinkRunner", "--flink_master=..."]``; empty runs in this process.
        listener: hears how many bytes each written chunk had (in-process runs).
        planned: a plan made before, for callers that show its size first.

    Raises:
        SourceError, LakeError: nothing of the step in progress is visible then; landing again goes on.
        SettingsError: a key of the feed's pseudonyms is not there; nothing is read then.
    """
    keys.demand(contract)
    limits = limits or Limits()
    todo = planned or plan(lake, contract, source, limits)
    if todo.todo:
        _run(lake, city, contract, source, limits, todo, at, beam_options, listener)
    lines = ledger.lines(lake).filter(
        (pl.col("recorded_at") == at)
        & (pl.col("feed") == contract.name)
        & (pl.col("stage") == "land")
        & pl.col("source").is_in([t.file.uri for t in todo.todo])
    )
    sums = lines.select(pl.col("taken", "kept", "rejected", "late").sum()).row(0, named=True)
    return Landed(contract.name, source.name, len(todo.todo), todo.landed, todo.refused, **sums)


def _run(
    lake: Lake,
    city: City,
    contract: Contract,
    source: Source,
    limits: Limits,
    todo: Plan,
    at: datetime,
    beam_options: Sequence[str],
    listener: Callable[[int], None] | None,
) -> None:
    with _quiet():  # Beam warns of optional cloud clients that a lake does not need
        import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    from pipelines.landing import build
    from pipelines.steps import Landing

    logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # what goes wrong is raised
    landing = Landing(lake, city, contract, source, limits, tuple(replace(t, splits=()) for t in todo.todo), at)
    splits = [s for t in todo.todo for s in t.splits]
    named = any(o.startswith("--runner") for o in beam_options)
    options = PipelineOptions(list(beam_options) if named else [*IN_PROCESS, *beam_options])
    faults.forget(landing.place)
    with progress.heard_by(listener), redirect_stderr(cast(TextIO, faults.Quiet(sys.stderr))):
        try:
            with beam.Pipeline(options=options) if named else beam.Pipeline(FnApiRunner(), options=options) as pipeline:
                build(pipeline, landing, splits)
        except RuntimeError:
            known = faults.first(landing.place)
            if known is None:
                raise
            raise known from None
        except OSError as error:
            raise LakeError(lake.root, str(error), "check the folder and the space on its disk, then land again") from error


@contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
