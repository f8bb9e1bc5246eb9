"""An open JetStream source: a thread with an event loop that asks for messages by sequence and holds what arrives.

Settings are checked in `jetstream`; bytes are cut into messages in `jetstream_wire`; one connection is `jetstream_pull`.
"""

import asyncio
import contextlib
import importlib.util
import re
import threading
import time
from pathlib import Path
from typing import Any

import nats.errors
import numpy as np

from pipelines.live.pauses import Pauses
from pipelines.live.tap import Messages, Place, Tap
from pipelines.sources.buffer import Buffer
from pipelines.sources.jetstream import Options
from pipelines.sources.jetstream_pull import Chunk, Login, LostError, Pull
from schemas.errors import SettingsError

STEADY_S = 10.0
TOPICS = 100_000
LETTERS = {"/.": "/", "//": ".", "/": "", ".": "/"}
"""How NATS spells the letters of an MQTT topic in a subject, read backwards."""


class JetStreamTap(Tap):
    """See `pipelines.live.tap.Tap`. The one partition is ""; nothing needs to be acknowledged."""

    def __init__(self, spec: Options, place: Place) -> None:
        self.spec, self.place = spec, place
        self._login = login(spec)
        self._held: Buffer[Chunk] = Buffer(place.hold_bytes, self._ring)
        self._next = place.positions([""]).get("", 0)
        self._topics: dict[bytes, str] = {}
        self._pull: Pull | None = None
        self._is_closing = False
        self._fault: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._room, self._closed = asyncio.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"jetstream {place.feed}/{place.name}", daemon=True)
        self._thread.start()

    # the reader's side

    def take(self, most_bytes: int) -> list[Messages]:
        """What arrived; raises SourceError when nothing is left and only a person can help."""
        chunks = self._held.take(most_bytes)
        if not chunks:
            if self._fault:
                raise self._fault
            return []
        return [
            Messages(
                partition="",
                payloads=[p for chunk in chunks for p in chunk.payloads],
                received_us=np.concatenate([chunk.received_us for chunk in chunks]),
                positions=np.concatenate([chunk.sequences for chunk in chunks]),
                topics=[self._topic(s) for chunk in chunks for s in chunk.subjects],
            )
        ]

    def acknowledge(self, marks: list[Any]) -> None:
        """The lake's own positions are the account."""

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there and serves the stream."""
        pull = self._pull
        return pull is not None and pull.is_up

    def lag(self) -> int | None:
        """Messages that match the subjects and were not taken, as the broker told last."""
        pull = self._pull
        return pull.pending + self._held.messages if pull is not None and pull.is_up else None

    def close(self) -> None:
        """Let go of the consumer and the connection."""
        self._is_closing = True
        with contextlib.suppress(RuntimeError):  # its loop ended before
            self._loop.call_soon_threadsafe(self._closed.set)
        self._thread.join(10)

    def _topic(self, raw: bytes) -> str:
        text = self._topics.get(raw)
        if text is None:
            if len(self._topics) >= TOPICS:
                self._topics.clear()
            text = self._topics[raw] = topic(raw.decode("utf-8", "replace"))
        return text

    def _ring(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._room.set)

    # the thread's side

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._keep())
        except BaseException as error:  # whatever it is, the reader hears of it
            self._fault = error
        finally:
            self._pull = None

    async def _keep(self) -> None:
        """One connection after the other, until the tap is closed."""
        pauses, closing = Pauses(), asyncio.create_task(self._closed.wait())
        while not self._is_closing:
            since = time.monotonic()
            self._pull = pull = Pull(self.spec, self.place, self._login, self._held, self._room, self._next)
            work = asyncio.create_task(pull.run())
            await asyncio.wait([work, closing], return_when=asyncio.FIRST_COMPLETED)
            work.cancel()
            try:
                await work
            except asyncio.CancelledError:
                return
            except (LostError, OSError, TimeoutError, nats.errors.Error) as error:
                words = str(error) or type(error).__name__
            finally:
                self._next = pull.next
            if time.monotonic() - since > STEADY_S:
                pauses.reset()
            pause_s = pauses.next_s()
            self.place.say(f"{self.spec.server}: {words}; trying again in {pause_s:.1f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), pause_s)


def topic(subject: str) -> str:
    """The MQTT topic that NATS maps to a subject: a.b for a/b, whether read from a stream of ours or from the server's own."""
    return re.sub(r"/\.|//|/|\.", lambda found: LETTERS[found[0]], subject.removeprefix("$MQTT.msgs."))


def login(spec: Options) -> Login:
    """What nats-py is given to prove who we are.

    Raises:
        SettingsError: an environment variable, a file or the package `nkeys` is missing.
    """
    access, out = spec.access, {}
    if access.credentials:
        out = {"token": access.token} if access.has("TOKEN") else {"user": access.user, "password": access.password}
    for key, path, word in (
        ("creds_file", spec.creds_file, "user_credentials"),
        ("nkey_file", spec.nkey_file, "nkeys_seed"),
    ):
        if path:
            if not Path(path).is_file():
                raise SettingsError(
                    f"{spec.where} {key}", f"there is no file {path}", "name the file that your NATS account gave you"
                )
            if importlib.util.find_spec("nkeys") is None:
                raise SettingsError(f"{spec.where} {key}", "the package nkeys is not installed", "pip install nkeys")
            out[word] = path
    return Login(out, access.ssl_context() if spec.is_tls else None)
