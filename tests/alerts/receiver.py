"""A webhook's receiver on 127.0.0.1 that answers as it is told, and remembers what came. Not a test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """Answers with the next of `answers`, then with 204.

    Attributes:
        got: (status answered, headers, body) of every request, in order.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.got: list[tuple[int, dict[str, str], bytes]] = []
        self.come = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/alerts?token=secret"

    def wait_for(self, count: int, taken: bool = True, timeout_s: float = 60) -> list[tuple[int, dict[str, str], bytes]]:
        """What was taken (or all that came), once there are so many."""

        def found() -> list[tuple[int, dict[str, str], bytes]]:
            return [g for g in self.got if not taken or g[0] < 300]

        with self.come:
            assert self.come.wait_for(lambda: len(found()) >= count, timeout_s), f"{len(found())} of {count} came"
            return found()


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.come:
            status = self.server.answers.pop(0) if self.server.answers else 204
            self.server.got.append((status, {k.lower(): v for k, v in self.headers.items()}, body))
            self.server.come.notify_all()
        self.send_response(status)
        if status in (301, 302, 307):
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        raise AssertionError("a redirect was followed")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver for as long as it is asked."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
