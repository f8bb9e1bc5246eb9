"""From a call's publication to its alert at a webhook, while detectors go on reporting: the stream, the rules, the courier.

The broker and the publisher of detectors are in live_brokers.py.
"""

import asyncio
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOML = """
[city]
name = "Bench"
time_zone = "Europe/Berlin"
[lake]
root = "lake"
[alerts]
webhook = "http://127.0.0.1:{port}/"
credentials = "BENCH_ALERTS"
[feeds.emergency_calls.sources.desk]
uri = "{url}"
stream = "BENCH"
subject = "bench.calls"
format = "json_lines"
[feeds.traffic_flow.sources.detectors]
uri = "{url}"
stream = "BENCH"
subject = "bench.flow"
format = "json_lines"
"""
LONG_AGO_S = 1200
"""Calls were received so long before: every one waits too long from the moment on that it is known."""
_arrived: dict[str, float] = {}


def listen() -> int:
    """A webhook that remembers when each place's alert came; gives its port."""

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            _arrived.setdefault(told["data"]["place_id"], time.time())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_address[1])


def waits() -> list[float]:
    """Seconds from publishing to arrival, of the calls that arrived; their names hold the moment of publishing."""
    return [at - int(place.removeprefix("W")) / 1e6 for place, at in _arrived.items() if place.startswith("W")]


def publish_calls(url: str, rate: int, seconds: float) -> int:
    """Publish calls that wait already, at a rate; gives how many."""
    return asyncio.run(_publish_calls(url, rate, seconds))


async def _publish_calls(url: str, rate: int, seconds: float) -> int:
    import nats

    connection, sent, began = await nats.connect(url), 0, time.monotonic()
    while time.monotonic() - began < seconds:
        now = time.time()
        received = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - LONG_AGO_S))
        call = {"incident_id": f"W{int(now * 1e6)}", "unit_id": "none", "call_type": "medical", "priority": "emergency"}
        await connection.publish("bench.calls", json.dumps({**call, "district": "North", "received_at": received}).encode())
        await connection.flush(10)
        sent += 1
        await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()))
    await connection.close()
    return sent


def stream(folder: str, url: str, port: int, seconds: float) -> dict[str, float]:
    """Stream and watch for so long."""
    from dagster_project.live.watchman import Watchman
    from dagster_project.settings import load
    from pipelines.live.stream import Stream
    from schemas.registry import feed

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    (place / "citylake.toml").write_text(TOML.format(port=port, url=url))
    os.environ["BENCH_ALERTS_KEY"] = "a key of the bench"
    settings = load(place / "citylake.toml")
    watchman = Watchman(settings)
    sources = [(feed(n), s) for n in settings.sources for s in settings.live_of(n)]
    running = Stream(settings.lake, settings.city, sources, settings.limits, settings.stream.pace, watchman.landed)
    watchman.start()
    running.start()
    time.sleep(seconds)
    running.drain()
    running.join(60)
    watchman.stop()
    return {"raised": watchman.raised, "delivered": watchman.delivered}
