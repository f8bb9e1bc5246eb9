"""The pauses of whoever tries again: longer each time, and never all at one moment. What is tried is not known here."""

import random


class Pauses:
    """Pauses that grow from half a second to half a minute, each blurred: many readers must not come back at one moment."""

    def __init__(self, first_s: float = 0.5, most_s: float = 30.0) -> None:
        self.first_s, self.most_s = first_s, most_s
        self._next_s = first_s

    def next_s(self) -> float:
        """How long to wait now."""
        pause, self._next_s = self._next_s, min(self._next_s * 2, self.most_s)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311

    def reset(self) -> None:
        """It went well for a while: start again."""
        self._next_s = self.first_s
