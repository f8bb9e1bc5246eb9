"""Errors a person can mend come out of a worker thread as themselves, not as Beam's account of them.

Beam's in-process threads hand the caller a RuntimeError with a traceback in its text. On a cluster nobody listens.
"""

from collections.abc import Callable, Iterator
from typing import Any, TextIO

from schemas.errors import CitylakeError

WORKER = "apache_beam/runners/worker/sdk_worker.py"
_heard: dict[str, CitylakeError] = {}


def first(place: str) -> CitylakeError | None:
    """The first error at a place (a source) since `forget`, if there was one."""
    return _heard.get(place)


def forget(place: str) -> None:
    """Begin anew there."""
    _heard.pop(place, None)


def hear(place: str, error: CitylakeError) -> None:
    """Remember an error of a place, unless there is an earlier one."""
    _heard.setdefault(place, error)


def aloud(verb: Callable[..., Any], place: str) -> Callable[..., Any]:
    """The verb, but its `CitylakeError`s are remembered in this process, by place, as they pass."""
    return _Aloud(verb, place).do


class Quiet:
    """Standard error without the tracebacks that Beam's worker threads print before they are raised."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Pass the text on, unless it is such a traceback."""
        if text.startswith("Traceback (most recent call last)") and WORKER in text:
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Aloud:
    """Picklable: workers find it by its module, and so remember in the same place."""

    def __init__(self, verb: Callable[..., Any], place: str) -> None:
        self.verb, self.place = verb, place

    def do(self, *words: Any) -> Any:
        try:
            out = self.verb(*words)
        except CitylakeError as error:
            hear(self.place, error)
            raise
        return self._through(out) if isinstance(out, Iterator) else out

    def _through(self, rows: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from rows
        except CitylakeError as error:
            hear(self.place, error)
            raise
