"""An open MQTT source: one thread that keeps a connection, holds what arrives, and acknowledges what is in the lake.

Its settings are checked in `mqtt`; how one connection is spoken on is said in `mqtt_connection`.
"""

import contextlib
import select
import socket
import threading
import time
from collections import deque
from typing import Any

import numpy as np

from pipelines.live import clock
from pipelines.live.pauses import Pauses
from pipelines.live.tap import Messages, Place, Tap
from pipelines.sources.buffer import Buffer
from pipelines.sources.mqtt import Options
from pipelines.sources.mqtt_connection import Caller, Connection, LostError, OlderError
from pipelines.sources.mqtt_wire import Received

FULL_SHARE = 0.8
STEADY_S = 10.0
TOPICS = 100_000


class MqttTap(Tap):
    """See `pipelines.live.tap.Tap`. Marks are (connection, packet ids): ids are used again by the next connection.

    Raises:
        SettingsError: an environment variable or a file of TLS is missing.
    """

    def __init__(self, spec: Options, place: Place) -> None:
        self.spec, self.place = spec, place
        self._client_id = spec.client(place.feed, place.name)
        self._login = (spec.access.user, spec.access.password) if spec.access.credentials else None
        self._tls = spec.access.ssl_context() if spec.is_tls else None
        self._held: Buffer[tuple[int, int, Received]] = Buffer(place.hold_bytes, self._ring)
        self._acknowledged: deque[tuple[int, bytes]] = deque()
        self._lock = threading.Lock()
        self._connection, self._unacknowledged = 0, 0
        self._topics: dict[bytes, str] = {}
        self._is_up = self._is_closing = False
        self._fault: Exception | None = None
        self._doorbell, self._button = socket.socketpair()
        self._doorbell.setblocking(False)
        self._button.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"mqtt {place.feed}/{place.name}", daemon=True)
        self._thread.start()

    # the reader's side

    def take(self, most_bytes: int) -> list[Messages]:
        """What arrived; raises SourceError when nothing is left and only a person can help."""
        chunks = self._held.take(most_bytes)
        if not chunks and self._fault:
            raise self._fault
        out: list[Messages] = []
        for connection in dict.fromkeys(c for c, _, _ in chunks):
            parts = [(us, got) for c, us, got in chunks if c == connection]
            packets = np.array([p for _, got in parts for p in got.packets], np.uint16)
            out.append(
                Messages(
                    partition="",
                    payloads=[p for _, got in parts for p in got.payloads],
                    received_us=np.repeat(np.array([us for us, _ in parts], np.int64), [len(got.payloads) for _, got in parts]),
                    topics=[self._topic(t) for _, got in parts for t in got.topics],
                    marks=(connection, packets[packets > 0]),
                )
            )
        return out

    def acknowledge(self, marks: list[Any]) -> None:
        """Tell the broker, if it is still the connection that the messages came on."""
        for connection, packets in marks:
            with self._lock:
                if connection != self._connection or not len(packets):
                    continue
                self._unacknowledged -= len(packets)
            pubacks = np.empty((len(packets), 4), np.uint8)
            pubacks[:, 0], pubacks[:, 1], pubacks[:, 2], pubacks[:, 3] = 0x40, 2, packets >> 8, packets & 255
            self._acknowledged.append((connection, pubacks.tobytes()))
        self._ring()

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there and granted the subscriptions."""
        return self._is_up

    def full(self) -> bool:
        """Whether unacknowledged messages come near the window."""
        return self._unacknowledged >= FULL_SHARE * self.spec.window

    def lag(self) -> int | None:
        """MQTT does not tell."""
        return None

    def close(self) -> None:
        """Send the acknowledgements that wait, and say goodbye. The session stays."""
        self._is_closing = True
        self._ring()
        self._thread.join(10)
        self._button.close()
        self._doorbell.close()

    def _topic(self, raw: bytes) -> str:
        text = self._topics.get(raw)
        if text is None:
            if len(self._topics) >= TOPICS:
                self._topics.clear()
            text = self._topics[raw] = raw.decode("utf-8", "replace")
        return text

    def _ring(self) -> None:
        with contextlib.suppress(OSError):  # a full pipe wakes as well; a closed one sleeps for good
            self._button.send(b".")

    # the thread's side

    def _run(self) -> None:
        version, was_known, pauses, thrown_out = self.spec.version or 5, False, Pauses(), 0
        try:
            while not self._is_closing:
                since = time.monotonic()
                try:
                    self._converse(Caller(self.spec, self._client_id, version, self._login, self._tls, was_known))
                except OlderError:
                    version = 3
                except (LostError, OSError) as error:
                    is_steady = time.monotonic() - since > STEADY_S
                    thrown_out = thrown_out + 1 if self._is_up and not is_steady else 0
                    was_known = was_known or self._is_up
                    self._is_up = False
                    if is_steady:
                        pauses.reset()
                    pause_s = pauses.next_s()
                    words = str(error) or type(error).__name__
                    if thrown_out > 1:  # not every broker says why it closes
                        words += f", each time soon; perhaps another reader connects as {self._client_id!r}"
                    self.place.say(f"{self.spec.server}: {words}; trying again in {pause_s:.1f} s")
                    self._sleep(pause_s)
        except Exception as error:
            self._fault = error
        finally:
            self._is_up = False

    def _converse(self, caller: Caller) -> None:
        """One connection; returns when the tap is closed."""
        connection = Connection(caller, self._doorbell)
        with self._lock:
            self._connection += 1
            self._unacknowledged = 0
        try:
            while not self._is_closing:
                self._put(connection.turn(self._held.is_full))
                self._send_acknowledgements(connection)
                connection.keep_alive()
                if connection.is_up and not self._is_up:
                    self._is_up = True
                    forgot = "the broker has forgotten the session: what was published meanwhile may be missing"
                    self.place.say(f"{self.spec.server}: {forgot}" if connection.is_forgotten else "")
            self._send_acknowledgements(connection)
            connection.leave()
        finally:
            connection.close()

    def _put(self, received: Received) -> None:
        if received.payloads:
            with self._lock:
                self._unacknowledged += len(received.packets) - received.packets.count(0)
            self._held.put((self._connection, clock.now_us(), received), len(received.payloads), received.bytes)

    def _send_acknowledgements(self, connection: Connection) -> None:
        while self._acknowledged:
            number, pubacks = self._acknowledged.popleft()
            if number == self._connection:
                connection.send(pubacks)

    def _sleep(self, pause_s: float) -> None:
        until = time.monotonic() + pause_s
        while not self._is_closing and (left_s := until - time.monotonic()) > 0:
            if select.select([self._doorbell], [], [], left_s)[0]:
                with contextlib.suppress(OSError):
                    self._doorbell.recv(4096)
