"""What is sent waits until its slot is over, and is then written in the order in which it was received.

What a slot's file looks like is said in outbox (lines) and archives (documents).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl


@dataclass
class Slots(ABC):
    """A folder that is filled slot by slot, `slot_s` seconds of receipt each.

    Attributes:
        suffix: of what is written, such as ".pb"; "" where names have one.
        delivery_s: seconds from the end of a slot to its delivery, the files' time of change.
    """

    folder: Path
    suffix: str
    slot_s: int
    delivery_s: int
    lines: int = field(default=0, init=False)
    files: int = field(default=0, init=False)
    bytes: int = field(default=0, init=False)
    waiting: list[pl.DataFrame] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows; `received_s` (epoch seconds) places them."""
        self.waiting.append(rows)

    def send(self, start: int, end: int) -> None:
        """Write what was received from start up to end, slot by slot; keep the rest."""
        if not self.waiting:
            return
        held = pl.concat(self.waiting)
        due = held.filter(pl.col("received_s") < end).sort("received_s", maintain_order=True)
        self.waiting = [held.filter(pl.col("received_s") >= end)]
        edges = np.arange(start, end + self.slot_s, self.slot_s)
        cuts = np.searchsorted(due["received_s"].to_numpy(), edges)
        cuts[0], cuts[-1] = 0, due.height
        for slot, (low, high) in enumerate(pairwise(cuts)):
            if high > low:
                self.write(int(edges[slot]), min(int(edges[slot + 1]), end), due[int(low) : int(high)])

    def close(self, end: int) -> None:
        """Write all that is still waiting as the last slot."""
        if self.waiting and (last := pl.concat(self.waiting)).height:
            self.waiting = []
            last = last.sort("received_s", maintain_order=True)
            self.write(end, max(end, int(last["received_s"][-1])), last)

    @abstractmethod
    def write(self, start: int, end: int, rows: pl.DataFrame) -> None:
        """Write what was received from start up to end, epoch seconds."""
