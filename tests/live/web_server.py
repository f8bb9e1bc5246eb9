"""A web server for tests that does as each test says, byte by byte where needed. Nothing is asserted here."""

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

Answer = Callable[[socket.socket, int, dict[str, str]], None]


class WebServer:
    """Answers each connection's request with `answer(connection, number, header fields)`; the connection ends after it.

    Attributes:
        requests: header fields of each request so far, names in lower case, with the request line as "".
    """

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answer, self._tls = answer, tls
        self.requests: list[dict[str, str]] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.uri = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/data.json"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                text = b""
                while b"\r\n\r\n" not in text:
                    if not (more := connection.recv(65536)):
                        return
                    text += more
                line, *fields = text.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
                request = {"": line} | {k.lower(): v.strip() for k, _, v in (f.partition(":") for f in fields)}
                self.requests.append(request)
                self.answer(connection, len(self.requests), request)
            except OSError:
                return


def reply(connection: socket.socket, status: int, body: bytes = b"", **fields: Any) -> None:
    """A whole answer; underscores in names of fields are hyphens."""
    head = "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in fields.items())
    connection.sendall(
        f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{head}\r\n".encode("latin-1") + body
    )


def in_turn(*answers: tuple[int, bytes, dict[str, Any]]) -> Answer:
    """(status, body, fields) for each request in turn; the last one goes on."""

    def answer(connection: socket.socket, number: int, _: dict[str, str]) -> None:
        status, body, fields = answers[min(number, len(answers)) - 1]
        reply(connection, status, body, **fields)

    return answer
