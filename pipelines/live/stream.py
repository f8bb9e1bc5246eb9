"""All live sources of a city, each landed by a Beam pipeline of its own in its own thread, for as long as it is asked.

A source that fails is completed, said and tried again; the others go on. Nothing is shown here.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from pipelines import faults
from pipelines.commit import recover
from pipelines.live import desk
from pipelines.live.desk import Committed, Desk
from pipelines.live.heartbeat import beat
from pipelines.live.kinds import kind
from pipelines.live.pace import Pace
from pipelines.live.pauses import Pauses
from pipelines.privacy import keys
from pipelines.sources.files import Limits
from pipelines.sources.source import Source
from pipelines.steps import Landing
from schemas import upkeep
from schemas.city import City
from schemas.contract import Contract
from schemas.errors import CitylakeError
from schemas.lake import Lake

BEAT_S = 5.0
JOIN_S = 10.0
SWEEP_S = 600.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
STEADY_S = 60.0
"""A source that ran so long starts again with the shortest pause."""


class Stream:
    """The live sources of a city, running."""

    def __init__(
        self,
        lake: Lake,
        city: City,
        sources: Sequence[tuple[Contract, Source]],
        limits: Limits | None = None,
        pace: Pace | None = None,
        on_commit: Callable[[Committed], None] | None = None,
    ) -> None:
        self.pace, self.desks, self._threads = pace or Pace(), [], []
        for contract, source in sources:
            keys.demand(contract)
            at = datetime.now(UTC)
            landing = Landing(lake, city, contract, source, limits or Limits(), (), at)
            mine = Desk(contract.name, source.name, kind(source.uri).origin(source.live), on_commit=on_commit)
            desk.put_up(landing.place, mine)
            self.desks.append(mine)
            name = f"live {landing.place}"
            self._threads.append(threading.Thread(target=self._keep, args=(landing, mine), name=name, daemon=True))
        self._lake, self._ended = lake, threading.Event()
        self._upkeep = threading.Thread(target=self._look_after, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin reading all sources."""
        import apache_beam  # noqa: F401 - here, not in every thread at once

        logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # what goes wrong is raised
        for thread in (*self._threads, self._upkeep):
            thread.start()

    def drain(self) -> None:
        """Take what the sources hold, commit it, and end."""
        for one in self.desks:
            one.drain.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until all sources have ended; whether they have."""
        until = None if timeout is None else time.monotonic() + timeout
        for thread in self._threads:
            thread.join(None if until is None else max(until - time.monotonic(), 0.0))
        if any(t.is_alive() for t in self._threads):
            return False
        self._ended.set()
        self._upkeep.join()
        return True

    def _keep(self, landing: Landing, mine: Desk) -> None:
        """Run the source until it is drained; what goes wrong is said, and tried again after a pause."""
        from pipelines.live.reader import is_left

        pauses = Pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while not mine.drain.is_set() or is_left(landing.place):
            began = time.monotonic()
            try:
                recover(landing)
                run_once(landing, self.pace)
            except Exception as error:  # whatever it is, the other sources go on, and this one is tried again
                if time.monotonic() - began >= STEADY_S:
                    pauses.reset()
                mine.restarted(_in_one_line(error))
                mine.drain.wait(pauses.next_s())
        mine.tell(state="stopped")

    def _look_after(self) -> None:
        """Leave signs of life, and join the small files that commits leave behind; what fails is tried at the next turn."""
        tables = [("ledger", ""), upkeep.ALERTS, *((layer, d.feed) for layer in ("raw", "quarantine") for d in self.desks)]
        joined = swept = time.monotonic()
        while not self._ended.wait(BEAT_S):
            now = time.monotonic()
            self._beat()
            if now - joined < JOIN_S:
                continue
            joined, is_due = now, now - swept >= SWEEP_S
            swept = now if is_due else swept
            for layer, name in dict.fromkeys(tables):
                with suppress(CitylakeError, OSError):
                    upkeep.join(self._lake, layer, name)
                    if is_due:
                        upkeep.sweep(self._lake, layer, name)
        self._beat()

    def _beat(self) -> None:
        for one in self.desks:
            with suppress(CitylakeError):
                beat(self._lake, one.seen(), datetime.now(UTC))


def run_once(landing: Landing, pace: Pace) -> None:
    """Land one live source until it is drained, or until Beam has gone through so many bundles that it is due for renewal.

    Raises:
        CitylakeError: what a person can mend; anything else is a fault of the program. What was decided before is
            completed by `recover`, and what was not comes again from the broker.
    """
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    from pipelines.landing import build
    from pipelines.live.reader import LiveSource

    keys.demand(landing.contract)
    faults.forget(landing.place)
    source = LiveSource(landing.lake, landing.source, pace)
    try:
        with beam.Pipeline(FnApiRunner(), options=PipelineOptions([])) as pipeline:
            build(pipeline, landing, source)
    except Exception:
        known = faults.first(landing.place)  # Beam's own account of it has its words in it
        if known is None:
            raise
        raise known from None


def _in_one_line(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, CitylakeError):
        cause = cause.__cause__
    return " ".join(str(cause or f"{type(error).__name__}: {error}").split())[:400]
