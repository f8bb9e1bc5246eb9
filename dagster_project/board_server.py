"""Serves the exports on this machine: files as they are, nothing else, to nobody else.

What the files say is `assets.board`'s; the board needs no server to be read.
"""

import socket
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from schemas.errors import SettingsError

HOST = "127.0.0.1"
INDEX = "/board/index.html"
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", "X-Frame-Options": "DENY"}


class _Files(StaticFiles):
    """Files of a folder, but neither hidden ones nor what symbolic links lead to."""

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        hidden = any(part.startswith(".") for part in Path(path).parts)
        found = PlainTextResponse("Not found", 404) if hidden else await super().get_response(path, scope)
        found.headers.update(HEADERS)
        return found


def application(exports: Path) -> Starlette:
    """The exports as a site; it answers GET and HEAD that ask for this machine by its own name, and leads to the board.

    A page elsewhere that has its name lead here (DNS rebinding) is refused.
    """
    files = _Files(directory=exports, follow_symlink=False)
    return Starlette(
        routes=[Route("/", lambda _: RedirectResponse(INDEX)), Mount("/", files)],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
    )


def bound(port: int) -> socket.socket:
    """A socket on 127.0.0.1; port 0 takes a free one. Raises SettingsError where the port is taken."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
        taken.listen()  # who asks before the server runs waits
    except OSError as error:
        taken.close()
        raise SettingsError("--port", f"{port}: {error.strerror}", "choose another, or 0 for a free one") from error
    return taken


def serve(exports: Path, on: socket.socket) -> None:
    """Serve until Ctrl-C."""
    config = uvicorn.Config(application(exports), log_level="error", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[on])
