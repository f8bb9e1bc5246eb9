"""/metrics and /healthz on 127.0.0.1, for Prometheus and for whoever keeps the process alive. What they say is said elsewhere."""

import json
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from schemas.errors import SettingsError

HOST = "127.0.0.1"
PATIENCE_S = 10


class Endpoint:
    """A small web server in its own thread.

    Raises:
        SettingsError: the port is taken.

    Attributes:
        url: where it answers.
    """

    def __init__(self, port: int, registry: CollectorRegistry, health: Callable[[], tuple[bool, dict[str, Any]]]) -> None:
        self._metrics, self._health = make_wsgi_app(registry), health
        try:
            self._server = _Server((HOST, port), _Quiet)
        except OSError as error:
            text = error.strerror or str(error)
            raise SettingsError(
                f"port {port}", f"/metrics cannot be served there: {text}", "set [stream] port or --port to another; 0 takes any"
            ) from error
        self._server.set_app(self._answer)
        self.url = f"http://{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.2,), name="endpoint", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE_S)

    def _answer(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO")
        if path == "/metrics":
            return self._metrics(environ, start)
        status, said = "404 Not Found", {"paths": ["/metrics", "/healthz"]}
        if path == "/healthz":
            is_well, said = self._health()
            status = "200 OK" if is_well else "503 Service Unavailable"
        body = json.dumps(said, indent=1, ensure_ascii=False).encode() + b"\n"
        start(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store"), ("Content-Length", str(len(body)))])
        return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    timeout = PATIENCE_S

    def log_message(self, *_: Any) -> None:
        """Say nothing: the terminal belongs to the stream's screen."""
