"""A live source as Beam reads it: a record is a batch of messages, acknowledged when the bundle that landed it is done.

How a broker is spoken to is the taps' business; what a batch becomes is said by `pipelines.steps`.
"""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from apache_beam import coders
from apache_beam.io.unbounded_source import CheckpointMark, UnboundedReader, UnboundedSource
from apache_beam.utils.timestamp import MAX_TIMESTAMP, Timestamp

from pipelines import faults
from pipelines.coding import BatchCoder
from pipelines.live import desk, mark
from pipelines.live.held import Held
from pipelines.live.kinds import kind
from pipelines.live.lot import Gathered, Lot, gather
from pipelines.live.mark import Mark, MarkCoder
from pipelines.live.pace import Pace
from pipelines.live.tap import Place, Tap
from pipelines.sources.source import Source
from schemas.errors import CitylakeError, SourceError
from schemas.lake import Lake

PATIENCE_S = 2.0
"""How long a reader without a closed batch keeps Beam waiting: every bundle costs a little, an empty one too."""
BUNDLES = 1000
"""After so many the pipeline ends and the next one takes over its reader: Beam's in-process runner keeps 25 kB a bundle."""
NAP_S = 0.004
LOOK_S = 1.0


def app_id(feed: str, writer: str, partition: str) -> str:
    """Identity of one partition of a live source in a table's transactions."""
    return f"{feed}:{hashlib.sha256(f'{writer}|{partition}'.encode()).hexdigest()[:24]}:{partition[-40:]}"


@dataclass(frozen=True)
class LiveSource(UnboundedSource):
    """One live source of a feed. Picklable; the broker is called by its reader."""

    lake: Lake
    source: Source
    pace: Pace

    @property
    def place(self) -> str:
        """The source's desk."""
        return f"{self.source.feed}/{self.source.name}"

    def split(self, desired_num_splits: int, options: Any = None) -> list["LiveSource"]:  # noqa: ARG002
        """Not split: one reader takes all partitions, so that a commit holds them all."""
        return [self]

    def create_reader(self, options: Any, checkpoint_mark: CheckpointMark | None) -> "LiveReader":  # noqa: ARG002
        """The reader that the pipeline before left, or one from where the lake is complete, which no mark knows better."""
        return _left.pop(self.place, None) or LiveReader(self)

    def get_checkpoint_mark_coder(self) -> coders.Coder:
        """Marks are two words."""
        return MarkCoder()

    def default_output_coder(self) -> coders.Coder:
        """Batches go by reference."""
        return BatchCoder()


_left: dict[str, "LiveReader"] = {}
"""Readers that a pipeline left open, with what they hold, for the next one."""


def is_left(place: str) -> bool:
    """Whether a reader of the place waits for the next pipeline."""
    return place in _left


class LiveReader(UnboundedReader):
    """Reads one live source: gathers messages into batches by the pace."""

    def __init__(self, source: LiveSource) -> None:
        self.source = source
        self.desk = desk.at(source.place)
        self.desk.overtaken.clear()  # the numbers of an earlier reader's batches
        module, spec = kind(source.source.uri), source.source.live
        self.origin, self.replays = module.origin(spec), bool(module.REPLAYS)
        # a source is known by its name and address: under another name it begins anew
        self.writer = f"{source.source.name}|{getattr(module, 'writer', module.origin)(spec)}"
        self.app_ids: dict[str, str] = {}
        self.wanted: dict[str, int] = {}
        self.held, self.number = Held(), 0
        self.current: Gathered | None = None
        self.waiting: dict[int, tuple[list[Any], Lot]] = {}
        self._begun: dict[str, int] = {}
        self._overtaken: set[str] = set()
        self.is_finished = self.took_last = False
        self._looked, self._bundles = 0.0, 0
        if not self.replays:
            self.positions([""])
        place = Place(source.source.feed, source.source.name, source.pace.hold_bytes, self.positions, self._say)
        self.tap: Tap = module.open_tap(spec, place)
        mark.READERS[source.place] = self

    def _say(self, words: str) -> None:
        self.desk.tell(says=words)

    def positions(self, partitions: Any) -> dict[str, int]:
        """Up to where the lake is complete; the lake alone knows. The tap asks when it begins partitions, or begins them anew.

        It may ask from a thread of its own; what it then reads is taken after that.
        """
        ids = {p: app_id(self.source.source.feed, self.writer, p) for p in partitions}
        landed = self.source.lake.landed_up_to("raw", self.source.source.feed, ids.values())
        found = {p: landed[i] for p, i in ids.items()}
        self.app_ids |= ids
        self._begun |= found
        return found

    def _begin(self) -> None:
        """Take note of partitions that the tap began. What is held or on its way counts; what others landed is let go."""
        while self._begun:
            partition, landed = self._begun.popitem()
            self.wanted[partition] = max(landed, self.wanted.get(partition, 0))
            self.held.begin(partition, landed)

    def _begin_overtaken_again(self) -> None:
        """Another process landed a batch's messages first: forget what followed, and read on from where the lake is."""
        partitions, self._overtaken = sorted(self._overtaken), set()
        if not partitions:
            return
        if not self.tap.rewind(partitions):
            found = "another process landed these messages first"
            raise SourceError(self.source.place, found, "nothing, if it shall be so: reading goes on after them")
        for partition in partitions:
            self.wanted.pop(partition, None)
            self.held.forget(partition)

    def start(self) -> bool:
        """As `advance`."""
        return self.advance()

    def advance(self) -> bool:
        """Whether a batch is closed; waits a little for one."""
        until = time.monotonic() + PATIENCE_S
        self._bundles += 1
        if self._bundles > BUNDLES:
            self.is_finished = True
            return False
        while True:
            is_draining, now = self.desk.drain.is_set(), time.monotonic()
            if not self.took_last:
                # once more, not until nothing comes: under load something always does
                self._take(now)
                self.took_last = is_draining
            self._look(now)
            if self._is_due(now, is_draining):
                self._close()
                return True
            if is_draining:
                self.is_finished = True
                return False
            if now >= until:
                return False
            time.sleep(NAP_S)

    def _take(self, now: float) -> None:
        held = self.held
        room = self.source.pace.commit_bytes - held.bytes
        if room <= 0:
            return
        try:
            self._begin_overtaken_again()
            taken = self.tap.take(room)
            self._begin()
            got = [m for m in map(self.held.unread, taken) if m is not None]
        except CitylakeError as error:
            faults.hear(self.source.place, error)
            raise
        if got and not held.taken:
            held.since = now
            if self.desk.oldest_us is None:
                self.desk.oldest_us = int(got[0].received_us[0])
        held.add(got)

    def _is_due(self, now: float, is_draining: bool) -> bool:
        held, pace = self.held, self.source.pace
        if not held.taken:
            return False
        return is_draining or held.bytes >= pace.commit_bytes or now - held.since >= pace.commit_s or self.tap.full()

    def _close(self) -> None:
        held, self.held = self.held, Held(last=self.held.last)
        self.number += 1
        place = self.source.place
        self.current = gather(place, self.number, self.origin, self.app_ids, self.wanted, self.replays, held.taken)
        self.waiting[self.number] = ([m.marks for m in held.taken], self.current.lot)

    def _look(self, now: float) -> None:
        if now - self._looked >= LOOK_S:
            self._looked, there = now, self.tap.is_connected
            self.desk.tell(is_connected=there, behind=self.tap.lag(), state="running" if there else "waiting")

    def acknowledge(self, number: int) -> None:
        """Every batch up to this one is in the lake, unless it was overtaken."""
        for done in [n for n in self.waiting if n <= number]:
            marks, lot = self.waiting.pop(done)
            if done in self.desk.overtaken:
                self.desk.overtaken.discard(done)
                ids = {s.app_id for s in lot.steps}
                self._overtaken |= {p for p, i in self.app_ids.items() if i in ids}
            else:
                self.tap.acknowledge(marks)
        oldest = [lot.first_received_us for _, lot in self.waiting.values()]
        oldest += [int(m.received_us[0]) for m in self.held.taken[:1]]
        self.desk.oldest_us = min(oldest, default=None)

    def get_current(self) -> Gathered:
        """The closed batch."""
        if self.current is None:
            raise ValueError("no batch is closed")
        return self.current

    def get_current_timestamp(self) -> Timestamp:
        """When it was closed: rows are placed by their own event time, never by a window."""
        return Timestamp.of(self.get_current().lot.at.timestamp())

    def get_watermark(self) -> Timestamp:
        """The end of time once drained."""
        return MAX_TIMESTAMP if self.is_finished else Timestamp.of(time.time())

    def get_checkpoint_mark(self) -> Mark:
        """Up to the last batch that was closed."""
        return Mark(self.source.place, id(self), self.number)

    def close(self) -> None:
        """Let go of the broker; or, where only the pipeline ends, wait for the next. What is not landed comes again."""
        if self.is_finished and not (self.desk.drain.is_set() and not self.held.taken):
            self.is_finished, self._bundles = False, 0
            _left[self.source.place] = self
            return
        self.tap.close()
        if mark.READERS.get(self.source.place) is self:
            del mark.READERS[self.source.place]
