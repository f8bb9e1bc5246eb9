"""Whether the broker of a live source answers at its door. Nothing is read: a running stream would notice.

What is landed from it is said by `citylake stream`.
"""

import socket
from typing import Any
from urllib.parse import urlsplit

PORTS = {"mqtt": 1883, "mqtts": 8883, "nats": 4222, "nats+tls": 4222, "kafka": 9092, "http": 80, "https": 443}
PATIENCE_S = 3.0


def reached(source: Any) -> tuple[str, str, str]:
    """Status, what was found and what to do, as `citylake doctor` tells it."""
    scheme, _, rest = source.uri.partition("://")
    if scheme not in PORTS:
        return "ok", f"live at {source.uri}; `citylake stream` lands it", ""
    door = urlsplit(f"//{rest.split(',')[0]}")
    host, port = door.hostname or "", door.port or PORTS[scheme]
    try:
        socket.create_connection((host, port), PATIENCE_S).close()
    except OSError as error:
        return "fault", f"nobody answers at {host}:{port}: {error.strerror or error}", "start the broker, or correct uri"
    return "ok", f"live, {host}:{port} answers; `citylake stream` lands it", ""
