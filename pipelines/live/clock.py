"""The time by which messages are stamped: the system's, but for a jump, which is said and waited out.

A clock that is set while a stream runs must not make good events come from the future. Pauses and paces are measured
by the monotonic clock elsewhere.
"""

import threading
import time
from collections.abc import Callable

JUMP_S = 2.0
"""A difference that no slewing makes between two looks."""
PATIENCE_S = 60.0
"""A jump that lasts so long is the new time."""


class Clock:
    """A wall clock that goes on evenly when the system's is set, and follows it after a minute.

    Args:
        wall, steady: seconds; the system's clock, and one that is never set.
    """

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._steady, self._lock = wall, steady, threading.Lock()
        self._offset = wall() - steady()
        self._jumped_at: float | None = None
        self._jump_s = 0.0

    def now_us(self) -> int:
        """Epoch microseconds."""
        with self._lock:
            steady = self._steady()
            offset = self._wall() - steady
            jump = offset - self._offset
            if abs(jump) < JUMP_S:
                self._offset, self._jumped_at = offset, None
            elif self._jumped_at is None or abs(jump - self._jump_s) >= JUMP_S:
                self._jumped_at, self._jump_s = steady, jump
            elif steady - self._jumped_at >= PATIENCE_S:
                self._offset, self._jumped_at = offset, None
            return int((steady + self._offset) * 1e6)

    @property
    def says(self) -> str:
        """What is wrong with it, in a few words; "" when all is well."""
        with self._lock:
            if self._jumped_at is None:
                return ""
            way = "forward" if self._jump_s > 0 else "back"
            return f"the system's clock was set {way} by {abs(self._jump_s):.0f} s; stamps follow it after {PATIENCE_S:.0f} s"


CLOCK = Clock()
"""This process's clock."""


def now_us() -> int:
    """When it is, epoch microseconds."""
    return CLOCK.now_us()
