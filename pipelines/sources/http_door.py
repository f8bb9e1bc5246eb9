"""The HTTP server that push sources of one host and port share: it checks a request and waits until it has landed.

What a push source may say, and what it holds, is `http_push`.
"""

import asyncio
import socket
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipelines.sources.fetching import FetchError, TooLarge, unpacked
from schemas.errors import SourceError

MEDIA_TYPES = ("application/json", "application/ld+json", "application/x-ndjson")
PATIENCE_S = 30.0
"""How long a client may take for its header, and again for its body."""
MOST_CONNECTIONS = 1000


class Receiver(Protocol):
    """A push source, as the server sees it."""

    max_bytes: int
    answer_s: float

    def admits(self, authorization: str) -> bool:
        """Whether the header field holds the right token."""
        ...

    def reserve(self, count: int) -> bool:
        """Make room for so many bytes more; false where there is none. A negative number gives room back."""
        ...

    def receive(self, body: bytes) -> "Future[bool]":
        """Hold a message; true comes when it is in the lake, false when the source closes first."""
        ...


@dataclass(frozen=True)
class Tls:
    """Files of TLS: with `ca_file` clients must show a certificate too."""

    cert_file: str | None = None
    key_file: str | None = None
    ca_file: str | None = None


class _Patient(H11Protocol):
    """A connection that is closed when no whole request header comes for long: drop by drop would hold it for ever."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._idle_since: float | None = time.monotonic()
        self._look()

    def _look(self) -> None:
        busy = self.cycle is not None and not self.cycle.response_complete
        self._idle_since = None if busy else self._idle_since or time.monotonic()
        if self._idle_since and time.monotonic() - self._idle_since > PATIENCE_S:
            self.transport.close()
        elif not self.transport.is_closing():
            self.loop.call_later(PATIENCE_S / 4, self._look)


class Door:
    """One server in one thread, for all paths of one host and port."""

    def __init__(self, where: str, host: str, port: int, tls: Tls) -> None:
        self.host, self.port, self.tls = host, port, tls
        self.receivers: dict[str, Receiver] = {}
        self._listener = _listen(where, host, port)
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._serve,
                http=_Patient,
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=5,
                ssl_certfile=tls.cert_file,
                ssl_keyfile=tls.key_file,
                ssl_ca_certs=tls.ca_file,
                ssl_cert_reqs=2 if tls.ca_file else 0,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, args=([self._listener],), name=f"push {host}:{port}", daemon=True
        )
        self._thread.start()

    @property
    def is_open(self) -> bool:
        """Whether requests are taken."""
        return self._server.started and self._thread.is_alive()

    def close(self) -> None:
        """Answer what is under way, then end."""
        self._server.should_exit = True
        self._thread.join(30)
        self._listener.close()

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            answer = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        receiver = self.receivers.get(request.scope["path"])
        if receiver is None:
            return _say(404, "there is nothing here")
        if request.method != "POST":
            return _say(405, "POST is the only way", Allow="POST")
        if not receiver.admits(request.headers.get("authorization", "")):
            return _say(401, "the token is not right", **{"WWW-Authenticate": "Bearer"})
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in MEDIA_TYPES:
            return _say(415, f"send {', '.join(MEDIA_TYPES)}", Accept=", ".join(MEDIA_TYPES))
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip"):
            return _say(415, "pack with gzip, or not at all", **{"Accept-Encoding": "gzip"})
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length) > receiver.max_bytes:
            return _say(413, f"a body has {receiver.max_bytes} bytes at most")
        return await self._land(request, receiver, encoding == "gzip")

    async def _land(self, request: Request, receiver: Receiver, is_packed: bool) -> Response:
        body, reserved = bytearray(), 0
        try:
            if not receiver.reserve(1):
                return _say(429, "the lake is behind", **{"Retry-After": "5"})
            reserved = 1
            async with asyncio.timeout(PATIENCE_S):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > receiver.max_bytes:
                        return _say(413, f"a body has {receiver.max_bytes} bytes at most")
                    if not receiver.reserve(len(chunk)):
                        return _say(429, "the lake is behind", **{"Retry-After": "5"})
                    reserved += len(chunk)
            content = bytes(body)
            if is_packed:
                content = await asyncio.to_thread(unpacked, content, receiver.max_bytes)
                if not receiver.reserve(len(content)):
                    return _say(429, "the lake is behind", **{"Retry-After": "5"})
                reserved += len(content)
        except TimeoutError:
            return _say(408, f"the body took more than {PATIENCE_S:.0f} s", Connection="close")
        except TooLarge:
            return _say(413, f"a body has {receiver.max_bytes} bytes at most, unpacked")
        except FetchError as error:
            return _say(400, str(error))
        finally:
            receiver.reserve(-reserved)
        if not content.strip():
            return _say(400, "the body is empty")
        landed = asyncio.wrap_future(kept := receiver.receive(content))
        await asyncio.wait({landed}, timeout=receiver.answer_s)
        if kept.done() and not kept.cancelled() and kept.result():
            return Response(status_code=202)
        return _say(503, "not in the lake yet; it may come later, send it again", **{"Retry-After": "5"})


def _listen(where: str, host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise SourceError(
            where, f"cannot listen on {host}:{port} ({error.strerror or error})", "free the port, or name another one"
        ) from error


def _say(status: int, text: str, **headers: str) -> Response:
    return PlainTextResponse(text + "\n", status, headers)


_doors: dict[tuple[str, int], Door] = {}
_lock = threading.Lock()


def open_at(where: str, host: str, port: int, path: str, tls: Tls, receiver: Receiver) -> Door:
    """Put a receiver behind a path; the first one opens the server.

    Raises:
        SourceError: the port is taken, the path is, or another source of this port wants other TLS files.
    """
    with _lock:
        door = _doors.get((host, port))
        if door and (path in door.receivers or door.tls != tls):
            found = (
                "another source has this path" if path in door.receivers else "another source of this port has other TLS files"
            )
            raise SourceError(where, f"push://{host}:{port}{path}: {found}", "name another path or port")
        if door is None:
            door = _doors[host, port] = Door(where, host, port, tls)
        door.receivers[path] = receiver
        return door


def leave(door: Door, path: str) -> None:
    """Take a receiver away; the last one closes the server."""
    with _lock:
        door.receivers.pop(path, None)
        if door.receivers:
            return
        _doors.pop((door.host, door.port), None)
        door.close()
