"""The byte stream of an MQTT connection: published messages are cut out of it in bulk; the rest is left to paho.

paho spends 17 to 33 microseconds on a message (a lock, an object and three reads of the socket each); cutting costs one.
Connecting, sessions and subscribing do not belong here.
"""

import socket
import ssl
import time
from dataclasses import dataclass, field

READ_BYTES = 256 * 1024
PINGREQ = b"\xc0\x00"
PUBLISH, PINGRESP = 0x30, 0xD0
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
FAREWELL_S = 2.0


class BrokenStreamError(ConnectionError):
    """What the broker sent is no MQTT."""


@dataclass
class Received:
    """Messages of one connection, in order. `packets` holds packet ids; 0 for what was published with QoS 0."""

    payloads: list[bytes] = field(default_factory=list)
    topics: list[bytes] = field(default_factory=list)
    packets: list[int] = field(default_factory=list)
    bytes: int = 0


class Wire:
    """Stands between paho and its socket: to paho it is the socket.

    Args:
        version: 3 or 5; 5 has properties before each payload.
    """

    def __init__(self, sock: socket.socket, version: int) -> None:
        self.sock, self.has_properties = sock, version == 5
        self.sock.setblocking(False)
        self.heard_at = self.pinged_at = time.monotonic()
        self.error: OSError | None = None
        self.is_ended = False
        self._received = Received()
        self._parts: list[bytes] = []
        self._have = self._need = 0
        self._left_to_paho = bytearray()
        self._out = bytearray()

    # what paho calls

    def recv(self, size: int) -> bytes:
        """Bytes of packets that are none of ours; b"" at the end."""
        if self._left_to_paho:
            out = bytes(self._left_to_paho[:size])
            del self._left_to_paho[:size]
            return out
        if self.is_ended:
            return b""
        raise BlockingIOError

    def send(self, data: bytes) -> int:
        """Queue bytes behind what waits already, and send what goes."""
        self._out += data
        self.flush()
        return len(data)

    def pending(self) -> int:
        """Bytes that paho can read without waiting."""
        return len(self._left_to_paho)

    def fileno(self) -> int:
        """Of the socket."""
        return self.sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def close(self) -> None:
        """Send what waits, for a moment, and close."""
        try:
            if self._out and not self.is_ended:
                self.sock.settimeout(FAREWELL_S)
                self.sock.sendall(self._out)
        except OSError:
            pass  # the broker is gone; it will deliver again what it was not told of
        finally:
            self.sock.close()

    # what the tap calls

    @property
    def wants_write(self) -> bool:
        """Whether bytes wait for the socket."""
        return bool(self._out)

    def flush(self) -> None:
        """Send what the socket takes."""
        try:
            while self._out:
                del self._out[: self.sock.send(self._out)]
        except WOULD_BLOCK:
            pass
        except OSError as error:
            self._end(error)

    def ping(self) -> None:
        """Tell the broker that somebody is here."""
        self.pinged_at = time.monotonic()
        self.send(PINGREQ)

    def fill(self) -> bool:
        """Read once from the socket; False when there is nothing more for now."""
        if self.is_ended:
            return False
        try:
            data = self.sock.recv(READ_BYTES)
        except WOULD_BLOCK:
            return False
        except OSError as error:
            self._end(error)
            return False
        if not data:
            self._end(None)
            return False
        self.heard_at = time.monotonic()
        self._gather(data)
        return True

    def harvest(self) -> Received:
        """The messages cut since the last call."""
        received, self._received = self._received, Received()
        return received

    def _end(self, error: OSError | None) -> None:
        self.is_ended, self.error = True, self.error or error

    def _gather(self, data: bytes) -> None:
        # a packet of many megabytes is joined once, when it is there
        self._parts.append(data)
        self._have += len(data)
        if self._have < self._need:
            return
        data = b"".join(self._parts) if len(self._parts) > 1 else data
        try:
            used, self._need = self._cut(data)
        except (IndexError, BrokenStreamError):
            self._end(BrokenStreamError("the broker sent what is no MQTT"))
            return
        rest = data[used:]
        self._parts, self._have = [rest] if rest else [], len(rest)

    def _cut(self, data: bytes) -> tuple[int, int]:
        """Cut whole packets; returns bytes used, and bytes needed from there on for a packet more."""
        got = self._received
        payloads, topics, packets = got.payloads, got.topics, got.packets
        has_properties, size, start = self.has_properties, len(data), 0
        while size - start >= 2:
            first, length, at = data[start], data[start + 1], start + 2
            if length > 127:
                if size - at < 3:
                    return start, size - start + 1
                length, at = number(data, start + 1)
            stop = at + length
            if stop > size:
                return start, stop - start
            if first & 0xF0 == PUBLISH:
                end = at + 2 + (data[at] << 8 | data[at + 1])
                body = end
                if first & 6:
                    body += 2
                    packets.append(data[end] << 8 | data[end + 1])
                else:
                    packets.append(0)
                if has_properties:
                    properties, body = number(data, body)
                    body += properties
                if body > stop or first & 4:  # QoS 2 was not asked for, and would have to be answered otherwise
                    raise BrokenStreamError
                topics.append(data[at + 2 : end])
                payloads.append(data[body:stop])
                got.bytes += stop - body
            elif first & 0xF0 != PINGRESP:
                self._left_to_paho += data[start:stop]
            start = stop
        return start, 2


def number(data: bytes, at: int) -> tuple[int, int]:
    """A number of MQTT's variable length, and where it ends."""
    value = shift = 0
    while shift < 28:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise BrokenStreamError
