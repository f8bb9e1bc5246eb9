"""What a reader holds until its batch is closed, each message once.

When a batch is closed is said by `reader`; what waits inside a tap is the tap's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipelines.live.tap import Messages


@dataclass
class Held:
    """Messages taken and not yet closed into a batch.

    Attributes:
        last: partition -> the position after the last message that was taken of it.
    """

    taken: list[Messages] = field(default_factory=list)
    bytes: int = 0
    since: float = 0.0
    last: dict[str, int] = field(default_factory=dict)

    def forget(self, partition: str) -> None:
        """Let go of all that is held of a partition."""
        self._keep([m for m in self.taken if m.partition != partition])
        self.last.pop(partition, None)

    def begin(self, partition: str, landed: int) -> None:
        """The lake has a partition up to here: let go of what is held before it."""
        if self.last.get(partition, 0) > landed:
            kept = [m if m.partition != partition else beyond(m, landed) for m in self.taken]
            self._keep([m for m in kept if m is not None])
        else:
            self.forget(partition)
            self.last[partition] = landed

    def _keep(self, messages: list[Messages]) -> None:
        self.taken = messages
        self.bytes = sum(len(p) for m in messages for p in m.payloads)

    def add(self, messages: Sequence[Messages]) -> None:
        """Hold messages."""
        self.taken += messages
        self.bytes += sum(len(p) for m in messages for p in m.payloads)

    def unread(self, messages: Messages) -> Messages | None:
        """The messages that were not taken before; None where there is none."""
        if messages.positions is None or not messages.payloads:
            return messages if messages.payloads else None
        fresh = beyond(messages, self.last.get(messages.partition, 0))
        if fresh is not None and fresh.positions is not None:
            self.last[messages.partition] = int(fresh.positions[-1]) + 1
        return fresh


def beyond(messages: Messages, position: int) -> Messages | None:
    """Those at a position or after it; None where there is none."""
    first = 0 if messages.positions is None else int(np.searchsorted(messages.positions, position))
    if first == 0:
        return messages
    if first == len(messages.payloads):
        return None
    return replace(
        messages,
        payloads=messages.payloads[first:],
        received_us=messages.received_us[first:],
        positions=None if messages.positions is None else messages.positions[first:],
        topics=messages.topics[first:] if messages.topics else None,
    )
