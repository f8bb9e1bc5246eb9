"""What a tap received and nobody took yet, bounded. Brokers do not belong here."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Chunk = TypeVar("Chunk")
MESSAGE_BYTES = 64
"""What a message costs beside its payload: empty ones must not be held without end."""


class Buffer(Generic[Chunk]):
    """Chunks of messages in order. One thread puts, another takes.

    Args:
        most_bytes: from here on `is_full`; whoever puts stops receiving then, so that the broker waits.
        on_room: called by whoever took, when no more than `room_at` bytes are left of more.
    """

    def __init__(self, most_bytes: int, on_room: Callable[[], None]) -> None:
        self.most_bytes, self._on_room = max(most_bytes, 1), on_room
        self._chunks: deque[tuple[Chunk, int, int]] = deque()
        self._lock = threading.Lock()
        self.room_at = self.most_bytes - 1
        self.bytes = 0
        self.messages = 0

    @property
    def is_full(self) -> bool:
        """Whether the broker must wait."""
        return self.bytes >= self.most_bytes

    def put(self, chunk: Chunk, messages: int, size: int) -> None:
        """Add a chunk of so many messages, and bytes of payload."""
        size += MESSAGE_BYTES * messages
        with self._lock:
            self._chunks.append((chunk, messages, size))
            self.messages += messages
            self.bytes += size

    def take(self, most_bytes: int) -> list[Chunk]:
        """Chunks of at most so many bytes, but one at least where there is one."""
        taken: list[Chunk] = []
        with self._lock:
            before, left = self.bytes, most_bytes
            while self._chunks and (not taken or self._chunks[0][2] <= left):
                chunk, messages, size = self._chunks.popleft()
                taken.append(chunk)
                self.messages -= messages
                self.bytes -= size
                left -= size
            has_room = before > self.room_at >= self.bytes
        if has_room:
            self._on_room()
        return taken
