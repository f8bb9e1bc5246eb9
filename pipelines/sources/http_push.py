"""HTTP sources that are posted to: each body becomes one message, and 202 is answered when it is in the lake.

The server itself is `http_door`; taking a body apart is the format's business.
"""

import hmac
import re
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from pipelines.live import clock
from pipelines.live.tap import Messages, Place, Tap
from pipelines.sources import http_door
from pipelines.sources.block import Block
from pipelines.sources.buffer import Buffer
from pipelines.sources.http_settings import is_loopback
from pipelines.sources.secrets import Access, take_access
from schemas.errors import SettingsError

REPLAYS = False


@dataclass(frozen=True)
class Options:
    """A push source as its block says.

    Attributes:
        is_open: whether anyone on this machine may post without a token.
        answer_s: how long a client waits for 202 before it is told to send again.
        max_bytes: of a body, packed or not.
    """

    host: str
    port: int
    path: str
    is_open: bool
    answer_s: float
    max_bytes: int
    access: Access


def options(where: str, uri: str, block: Block, base: Path) -> Options:
    """Check the keys that are a push source's own.

    Raises:
        SettingsError: with the place in the toml, what was found and what to do.
    """
    try:
        parts = urlsplit(uri)
        host, port, path = parts.hostname, parts.port, parts.path
    except ValueError:
        host, port, path = None, None, ""
    if (
        not host
        or not port
        or not re.fullmatch(r"/[A-Za-z0-9._~/-]+", path)
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
    ):
        raise SettingsError(f"{where} uri", f"{uri!r} is no host, port and path", "write push://127.0.0.1:8085/notifications")
    host = "127.0.0.1" if host == "localhost" else host
    public, is_open = block.take("public", bool, False), block.take("open", bool, False)
    access = take_access(block, base)
    if not re.fullmatch(r"[0-9.]+|[0-9a-f:.]+", host):
        raise SettingsError(
            f"{where} uri", f"{host!r} is no address", "write the address to listen on, such as 127.0.0.1 or 0.0.0.0"
        )
    if not is_loopback(host) and not public:
        raise SettingsError(
            f"{where} uri", f"{host} can be reached from outside", "write public = true if that is meant, or 127.0.0.1"
        )
    if is_open and (access.credentials or not is_loopback(host)):
        found = "credentials are named" if access.credentials else f"{host} can be reached from outside"
        raise SettingsError(f"{where} open", f"open to all, but {found}", "leave out open")
    if not is_open and not access.credentials:
        remedy = 'write credentials = "<PREFIX>" and set <PREFIX>_TOKEN, or open = true on a loopback address'
        raise SettingsError(f"{where} credentials", "anyone could post", remedy)
    if access.ca_file and not access.cert_file:
        raise SettingsError(
            f"{where} ca_file", "it checks clients over TLS, but there is no cert_file", "name cert_file and key_file too"
        )
    answer_s, max_bytes = block.take("answer_s", (int, float), 30), block.take("max_bytes", int, 16 << 20)
    for key, value in (("answer_s", answer_s), ("max_bytes", max_bytes)):
        if isinstance(value, bool) or not 0 < value < 1e12:
            raise SettingsError(f"{where} {key}", f"{value!r} is not above 0", "leave it out, or write a number")
    return Options(host, port, path, is_open, answer_s, max_bytes, access)


def origin(options: Options) -> str:
    """Where is listened."""
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"push://{host}:{options.port}{options.path}"


def open_tap(options: Options, place: Place) -> Tap:
    """Listen.

    Raises:
        SettingsError: the token is not in the environment, or a file of TLS cannot be used.
        SourceError: the port or the path is taken.
    """
    return PushTap(options, place)


class PushTap(Tap):
    """Holds what was posted until it is taken, and lets the clients wait until it is in the lake."""

    def __init__(self, options: Options, place: Place) -> None:
        self.max_bytes, self.answer_s = min(options.max_bytes, place.hold_bytes), options.answer_s
        self._path, access = options.path, options.access
        self._token = b"" if options.is_open else access.token.encode()
        self._is_open = options.is_open
        if access.has_files:
            access.ssl_context()  # says what is wrong with the files
        self._held: Buffer[tuple[bytes, int, Future[bool]]] = Buffer(place.hold_bytes, lambda: None)
        self._lock = threading.Lock()
        self._arriving_bytes = 0
        self._waiting: set[Future[bool]] = set()
        self._is_closed = False
        tls = http_door.Tls(access.cert_file, access.key_file, access.ca_file)
        where = f"[feeds.{place.feed}.sources.{place.name}] uri"
        self._door = http_door.open_at(where, options.host, options.port, options.path, tls, self)

    def admits(self, authorization: str) -> bool:
        """Whether the header field holds the right token; takes the same time whatever it holds."""
        scheme, _, token = authorization.partition(" ")
        is_right = hmac.compare_digest(token.strip().encode(), self._token)
        return self._is_open or (is_right and scheme.lower() == "bearer")

    def reserve(self, count: int) -> bool:
        """Make room for bytes that arrive."""
        with self._lock:
            if count > 0 and self._held.bytes + self._arriving_bytes + count > self._held.most_bytes:
                return False
            self._arriving_bytes += count
            return True

    def receive(self, body: bytes) -> "Future[bool]":
        """Hold a message; the future tells when it is in the lake."""
        landed: Future[bool] = Future()
        with self._lock:
            if self._is_closed:
                landed.set_result(False)
                return landed
            self._waiting.add(landed)
            self._held.put((body, clock.now_us(), landed), 1, len(body))
        return landed

    def take(self, most_bytes: int) -> list[Messages]:
        """What was posted since the last call."""
        taken = self._held.take(most_bytes)
        if not taken:
            return []
        bodies, received, landed = zip(*taken, strict=True)
        return [Messages("", list(bodies), np.array(received, np.int64), topics=[self._path] * len(taken), marks=list(landed))]

    def acknowledge(self, marks: list[Any]) -> None:
        """Answer 202 to those who sent these."""
        self._answer([landed for mark in marks for landed in mark], True)

    @property
    def is_connected(self) -> bool:
        """Whether requests are taken."""
        return self._door.is_open and not self._is_closed

    @property
    def is_full(self) -> bool:
        """Whether clients are told to come back later."""
        return self._held.is_full

    def lag(self) -> int | None:
        """Who will post is not known."""
        return None

    def close(self) -> None:
        """Answer 503 to all that wait, and listen no more."""
        with self._lock:
            self._is_closed = True
            waiting = list(self._waiting)
        self._answer(waiting, False)
        http_door.leave(self._door, self._path)

    def _answer(self, waiting: list["Future[bool]"], is_landed: bool) -> None:
        with self._lock:
            known = [landed for landed in waiting if landed in self._waiting]
            self._waiting.difference_update(known)
        for landed in known:
            with suppress(InvalidStateError):  # the server gave up on it
                landed.set_result(is_landed)
