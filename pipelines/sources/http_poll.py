"""HTTP sources that are asked again and again: each new body becomes one message.

How one answer is fetched within bounds is `fetching`; taking a body apart is the format's business.
"""

import hashlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from pipelines.live.clock import now_us
from pipelines.live.pauses import Pauses
from pipelines.live.tap import Messages, Place, Tap
from pipelines.sources.block import Block
from pipelines.sources.buffer import Buffer
from pipelines.sources.fetching import Answer, Cut, FetchError, Request, fetch
from pipelines.sources.freshness import max_age_s, retry_after_s, ttl_s
from pipelines.sources.http_settings import authorization, check_headers, is_loopback
from pipelines.sources.secrets import Access, take_access
from schemas.errors import SettingsError

REPLAYS = False
LONGEST_S = 86_400.0
"""No server can make us wait longer than a day."""
REFUSED = (401, 403, 404, 410)
"""A person has to mend these; they are asked for again all the same, every ten minutes at last."""
ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,500}"')
DATE = re.compile(r"[A-Za-z0-9,: +-]{1,60}")


@dataclass(frozen=True)
class Options:
    """An HTTP source as its block says.

    Attributes:
        every_s: between two polls, where the server does not ask for longer.
        ttl_path: where the JSON says how many seconds it is good for, such as "ttl" or "data.ttl".
        token_header: carries the token; "Authorization" carries it as Bearer.
        timeout_s: for the whole answer.
        max_bytes: of a body, packed or not.
        redirect_hosts: where a redirect may lead besides the same scheme, host and port.
    """

    uri: str
    every_s: float
    ttl_path: str | None
    headers: tuple[tuple[str, str], ...]
    token_header: str
    timeout_s: float
    max_bytes: int
    redirect_hosts: tuple[str, ...]
    access: Access


@dataclass(frozen=True)
class _Version:
    """A body that was fetched, and what to ask the server with whether there is another."""

    number: int
    digest: bytes
    validators: tuple[tuple[str, str], ...]


def options(where: str, uri: str, block: Block, base: Path) -> Options:
    """Check the keys that are a poll's own.

    Raises:
        SettingsError: with the place in the toml, what was found and what to do.
    """
    parts = urlsplit(uri)
    if not parts.hostname or "@" in parts.netloc or not uri.isprintable() or " " in uri:
        raise SettingsError(
            f"{where} uri", "no plain address", 'write https://host/path; secrets come with credentials = "<PREFIX>"'
        )
    hosts = block.take("allow_redirects_to", list, [])
    if not all(isinstance(h, str) and re.fullmatch(r"[A-Za-z0-9.:-]+", h) for h in hosts):
        raise SettingsError(
            f"{where} allow_redirects_to", f"{hosts!r} are not hosts", 'write host names, such as ["data.example.org"]'
        )
    out = Options(
        uri=uri,
        every_s=_positive(where, block, "every_s", 30),
        ttl_path=block.take("ttl_path", str),
        headers=check_headers(f"{where} headers", block.take("headers", dict, {})),
        token_header=block.take("token_header", str, "Authorization"),
        timeout_s=_positive(where, block, "timeout_s", 30),
        max_bytes=int(_positive(where, block, "max_bytes", 64 << 20)),
        redirect_hosts=tuple(h.lower() for h in hosts),
        access=take_access(block, base),
    )
    check_headers(f"{where} token_header", {out.token_header: ""}, secret=True)
    if parts.scheme == "http" and out.access.credentials and not is_loopback(parts.hostname):
        raise SettingsError(f"{where} uri", "credentials would cross the network in clear", "use https://")
    return out


def origin(options: Options) -> str:
    """The uri without its query, which may hold a key."""
    return options.uri.partition("?")[0].partition("#")[0]


def open_tap(options: Options, place: Place) -> Tap:
    """Start polling.

    Raises:
        SettingsError: credentials that are named are not in the environment, or a file of TLS cannot be used.
    """
    return PollTap(options, place)


class PollTap(Tap):
    """Polls in a thread of its own. A body is asked for again until it has landed; then only for another one.

    Args:
        clock: epoch seconds.
        sleep: waits so many seconds, or until the tap closes.
    """

    def __init__(
        self,
        options: Options,
        place: Place,
        clock: Callable[[], float] = lambda: now_us() / 1e6,
        sleep: Callable[[float], Any] | None = None,
    ) -> None:
        access = options.access
        if access.has_files:
            access.ssl_context()  # says what is wrong with the files
        self._options, self._place, self._clock = options, place, clock
        self._request = Request(
            uri=options.uri,
            headers={
                "Accept": "application/json, */*;q=0.5",
                **dict(options.headers),
                **authorization(access, options.token_header),
            },
            timeout_s=options.timeout_s,
            max_bytes=options.max_bytes,
            redirect_hosts=options.redirect_hosts,
            verify=access.ca_file or True,
            cert=(access.cert_file, access.key_file) if access.key_file else access.cert_file,
        )
        self._closing = threading.Event()
        self._held: Buffer[tuple[bytes, int, _Version]] = Buffer(place.hold_bytes, lambda: None)
        self._lock = threading.Lock()
        self._fetched: _Version | None = None
        self._landed: _Version | None = None
        self._trouble = Pauses(1.0, max(120.0, options.every_s))
        self._refusal = Pauses(30.0, 600.0)
        self._ttl_s = 0.0
        self._said = ""
        self._connected = False
        self._cut: Cut | None = None
        self._fault: BaseException | None = None
        self._sleep = sleep or self._closing.wait
        self._thread = threading.Thread(target=self._run, name=f"poll {place.feed}.{place.name}", daemon=True)
        self._thread.start()

    def take(self, most_bytes: int) -> list[Messages]:
        """Bodies that came since the last call."""
        taken = self._held.take(most_bytes)
        if not taken and self._fault:
            raise self._fault
        if not taken:
            return []
        bodies, received, versions = zip(*taken, strict=True)
        return [Messages("", list(bodies), np.array(received, np.int64), marks=versions[-1])]

    def acknowledge(self, marks: list[Any]) -> None:
        """From now on only another body is asked for."""
        with self._lock:
            self._landed = max(marks, key=lambda version: version.number, default=self._landed)

    @property
    def is_connected(self) -> bool:
        """Whether the last answer could be used."""
        return self._connected

    @property
    def is_full(self) -> bool:
        """Whether nothing more is asked for until something is taken."""
        return self._held.is_full

    def lag(self) -> int | None:
        """A server does not tell."""
        return None

    def close(self) -> None:
        """End the poll, also in the middle of an answer."""
        self._closing.set()
        if cut := self._cut:
            cut.cut()
        self._thread.join(30)

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                self._sleep(1.0 if self.is_full else self.step())
        except BaseException as error:  # take() raises it where the stream can see it
            self._fault = error
            self._connected = False

    def step(self) -> float:
        """One poll; how many seconds to wait before the next."""
        began = self._clock()
        try:
            answer = fetch(replace(self._request, headers={**self._request.headers, **self._conditions()}), self._keep)
        except FetchError as error:
            return self._wait_longer(str(error), self._trouble, 0.0)
        finally:
            self._cut = None
        asked_s = retry_after_s(answer.headers.get("retry-after", ""), self._clock())
        if answer.status == 200:
            self._receive(answer)
        elif answer.status in REFUSED:
            return self._wait_longer(f"answers {answer.status}", self._refusal, asked_s)
        elif answer.status not in (204, 304):
            return self._wait_longer(f"answers {answer.status}", self._trouble, asked_s)
        self._connected = True
        self._trouble.reset()
        self._refusal.reset()
        self._say("")
        wait_s = max(self._options.every_s, self._ttl_s, max_age_s(answer.headers), asked_s)
        return max(min(wait_s, LONGEST_S) - (self._clock() - began), 0.1)

    def _receive(self, answer: Answer) -> None:
        if self._options.ttl_path:
            self._ttl_s = ttl_s(answer.body, self._options.ttl_path)
        named = {"If-None-Match": (ETAG, "etag"), "If-Modified-Since": (DATE, "last-modified")}
        # a header of theirs comes back as a header of ours: only what looks like one
        found = ((ours, answer.headers.get(theirs, ""), shape) for ours, (shape, theirs) in named.items())
        validators = tuple((ours, value) for ours, value, shape in found if shape.fullmatch(value))
        digest = hashlib.sha256(answer.body).digest()
        with self._lock:
            before = self._fetched
            if before and before.digest == digest:
                self._fetched = replace(before, validators=validators)
                if self._landed and self._landed.number == before.number:
                    self._landed = self._fetched
                return
            if not answer.body:
                return
            self._fetched = _Version(before.number + 1 if before else 1, digest, validators)
            version = self._fetched
        self._held.put((answer.body, int(self._clock() * 1e6), version), 1, len(answer.body))

    def _conditions(self) -> dict[str, str]:
        """Only a body that has landed makes the server's "not modified" welcome."""
        with self._lock:
            landed, fetched = self._landed, self._fetched
        return dict(landed.validators) if landed and fetched and landed.number == fetched.number else {}

    def _wait_longer(self, found: str, pauses: Pauses, asked_s: float) -> float:
        self._connected = False
        wait_s = max(pauses.next_s(), min(asked_s, LONGEST_S))
        if not self._closing.is_set():
            self._say(f"{origin(self._options)}: {found}; trying again in {wait_s:.0f} s")
        return wait_s

    def _keep(self, cut: Cut) -> None:
        self._cut = cut
        if self._closing.is_set():
            cut.cut()

    def _say(self, text: str) -> None:
        if text or self._said:
            self._place.say(text)
        self._said = text


def _positive(where: str, block: Block, key: str, default: float) -> float:
    value = block.take(key, (int, float), default)
    if isinstance(value, bool) or not 0 < value < 1e12:
        raise SettingsError(f"{where} {key}", f"{value!r} is not above 0", f"write a number such as {default}")
    return value
