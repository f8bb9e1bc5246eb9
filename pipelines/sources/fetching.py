"""One HTTP GET within bounds of time, size and place, and gzip within bounds. Trusts no server.

When to ask, and what an answer means, is `http_poll`.
"""

import socket
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 5
CHUNK_BYTES = 1 << 16


class FetchError(Exception):
    """Why there is no answer that can be used, in a few words, without the uri's query."""


class TooLarge(FetchError):
    """More bytes than are allowed."""


@dataclass(frozen=True)
class Request:
    """What to ask for.

    Attributes:
        headers: sent to the uri's own origin only: they may hold secrets.
        timeout_s: for the whole of it, redirects included.
        max_bytes: of the body, packed or not.
        redirect_hosts: hosts besides the uri's own origin that a redirect may lead to; they get no headers of ours.
        verify, cert: as `requests` takes them.
    """

    uri: str
    headers: Mapping[str, str]
    timeout_s: float
    max_bytes: int
    redirect_hosts: tuple[str, ...] = ()
    verify: str | bool = True
    cert: Any = None


@dataclass(frozen=True)
class Answer:
    """What came: header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Cut:
    """Ends connections from another thread: time limits of sockets start again with every byte."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self.is_cut = False

    def watch(self, connection: socket.socket) -> None:
        """Remember a connection. A copy of it stays valid when TLS is put over it."""
        with self._lock:
            self._sockets.append(connection.dup())
        if self.is_cut:
            self.cut()

    def cut(self) -> None:
        """End all connections now."""
        self.is_cut = True
        with self._lock:
            for connection in self._sockets:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # it ended by itself
                    continue

    def forget(self) -> None:
        """Let go of the copies."""
        with self._lock:
            for connection in self._sockets:
                connection.close()
            self._sockets.clear()


class _Adapter(HTTPAdapter):
    """Connections of `requests` that can be cut."""

    def __init__(self, cut: Cut) -> None:
        def watched(kind: type) -> type:
            def connect(self: Any) -> socket.socket:
                connection = kind._new_conn(self)  # type: ignore[attr-defined]
                cut.watch(connection)
                return connection

            return type(f"Watched{kind.__name__}", (kind,), {"_new_conn": connect})

        self._pools = {
            "http": type("WatchedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": watched(HTTPConnection)}),
            "https": type("WatchedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": watched(HTTPSConnection)}),
        }
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


def fetch(request: Request, opened: Callable[[Cut], None] = lambda _: None) -> Answer:
    """GET, following only redirects that are allowed.

    Args:
        opened: is given what ends the connections early.

    Raises:
        FetchError: no complete answer within the bounds; a status of 400 or more is an answer.
    """
    cut = Cut()
    opened(cut)
    alarm = threading.Timer(request.timeout_s, cut.cut)
    alarm.daemon = True
    alarm.start()
    try:
        with requests.Session() as session:
            session.trust_env = False  # no .netrc: it would send credentials that nobody named
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Adapter(cut))
            return _follow(session, request, cut)
    except (requests.RequestException, OSError, ValueError) as error:
        # urllib3's own errors are OSErrors or ValueErrors only in part; requests wraps the rest
        raise FetchError(_words(error, request, cut)) from error
    except FetchError:
        if cut.is_cut:
            raise FetchError(_words(None, request, cut)) from None
        raise
    finally:
        alarm.cancel()
        cut.forget()


def _follow(session: requests.Session, request: Request, cut: Cut) -> Answer:
    uri = request.uri
    for _ in range(MOST_REDIRECTS + 1):
        own = _origin(uri) == _origin(request.uri)
        response = session.get(
            uri,
            headers={"Accept-Encoding": "gzip", "User-Agent": "citylake", **(request.headers if own else {})},
            stream=True,
            timeout=request.timeout_s,
            allow_redirects=False,
            verify=request.verify,
            cert=request.cert if own else None,
            proxies=get_environ_proxies(uri),
        )
        with response:
            location = response.headers.get("Location")
            if response.status_code not in REDIRECTS or not location:
                is_wanted = response.status_code == HTTPStatus.OK
                body = _body(response, request.max_bytes, cut) if is_wanted else b""
                return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)
        uri = urljoin(uri, location)
        _check_redirect(uri, request)
    raise FetchError(f"more than {MOST_REDIRECTS} redirects")


def _check_redirect(uri: str, request: Request) -> None:
    parts = urlsplit(uri)
    allowed = parts.scheme in ("http", "https") and not parts.username and not parts.password
    downgraded = parts.scheme == "http" and urlsplit(request.uri).scheme == "https"
    if not allowed or downgraded or (_origin(uri) != _origin(request.uri) and parts.hostname not in request.redirect_hosts):
        raise FetchError(f"it redirects to {parts.scheme}://{parts.hostname}, which allow_redirects_to does not name")


def _origin(uri: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(uri)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _body(response: requests.Response, max_bytes: int, cut: Cut) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("gzip", "x-gzip", "identity", ""):
        raise FetchError(f"it answers in {encoding!r}, which was not asked for")
    packed = bytearray()
    try:
        while chunk := response.raw.read(CHUNK_BYTES, decode_content=False):
            packed += chunk
            if len(packed) > max_bytes:
                raise TooLarge(f"its body is larger than max_bytes = {max_bytes}")
    except FetchError:
        raise
    except Exception as error:  # urllib3's errors share no class with others
        raise FetchError(f"the connection ended within the body ({type(error).__name__})") from error
    if cut.is_cut:  # the end of a body without length looks the same as being cut
        raise FetchError("cut")
    return unpacked(bytes(packed), max_bytes) if "gzip" in encoding else bytes(packed)


def unpacked(packed: bytes, max_bytes: int) -> bytes:
    """The content of gzip members, never more than `max_bytes` of it.

    Raises:
        TooLarge: it would be more.
        FetchError: it is not gzip, or not all of it.
    """
    out, rest = bytearray(), packed
    while True:
        member = zlib.decompressobj(wbits=31)
        try:
            out += member.decompress(rest, max_bytes + 1 - len(out))
        except zlib.error as error:
            raise FetchError("its body is not gzip, as it says") from error
        if len(out) > max_bytes:
            raise TooLarge(f"its unpacked body is larger than max_bytes = {max_bytes}")
        if not member.eof:
            raise FetchError("its gzip body ends too early")
        rest = member.unused_data
        if not rest:
            return bytes(out)


def _words(error: Exception | None, request: Request, cut: Cut) -> str:
    """What went wrong without the uri, which may hold a key in its query."""
    if cut.is_cut:
        return f"no complete answer in {request.timeout_s:g} s"
    reason: Any = getattr(error.args[0], "reason", None) if error and error.args else None
    words = str(reason or error).replace(request.uri, "the uri")
    query = urlsplit(request.uri).query
    return (words.replace(query, "...") if query else words)[:300] or type(error).__name__
