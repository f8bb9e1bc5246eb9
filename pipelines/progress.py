"""How far a landing is, for whoever watches in the same process. On a cluster nobody listens.

No terminal here: bars are drawn by the command line.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: list[Callable[[int], None]] = []


def advance(done_bytes: int) -> None:
    """Say that so many more bytes are written."""
    for listener in _listeners:
        listener(done_bytes)


@contextmanager
def heard_by(listener: Callable[[int], None] | None) -> Iterator[None]:
    """Let a listener hear every advance within the block."""
    if listener is None:
        yield
        return
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
