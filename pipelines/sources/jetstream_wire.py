"""The byte stream of a NATS connection: messages of a pull consumer are cut out of it in bulk; the rest is left to nats-py.

nats-py spends 5 microseconds on a message handed to a callback and 30 on one that is fetched; cutting costs one.
Which messages are asked for is said in `jetstream_tap`.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from nats.aio.client import Client
from nats.errors import ProtocolError, SecureConnRequiredError, SecureConnWantedError
from nats.protocol.parser import Parser

LONGEST_LINE = 64 * 1024
STATUS_AT = len(b"NATS/1.0")


@dataclass
class Received:
    """Messages in order. `replies` holds the subjects that would acknowledge them: sequences and times are spelled in them."""

    payloads: list[bytes] = field(default_factory=list)
    subjects: list[bytes] = field(default_factory=list)
    replies: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Places:
    """Where messages stand: in the stream, in the consumer, in time; and how many were pending behind the last."""

    sequences: np.ndarray
    delivered: np.ndarray
    received_us: np.ndarray
    pending: int


def places(replies: list[bytes]) -> Places:
    """Read `$JS.ACK.[domain.account.]stream.consumer.times.sequence.delivered.nanoseconds.pending[.random]` of one consumer."""
    count = len(replies)
    words = b".".join(replies).split(b".")
    width, left = divmod(len(words), count)
    if left or width < 9:
        raise ProtocolError
    first = 5 if width == 9 else 7
    sequences, delivered, nanoseconds = (np.fromiter(map(int, words[first + n :: width]), np.int64, count) for n in range(3))
    return Places(sequences, delivered, nanoseconds // 1000, int(words[(count - 1) * width + first + 3]))


class Cutter(Parser):
    """Stands in for nats-py's parser.

    Args:
        on_messages: is given what each read from the socket held.
        on_status: is given status lines of pull requests: subject, code and words, such as 408 and "Request Timeout".
    """

    def __init__(
        self, client: Client, on_messages: Callable[[Received], None], on_status: Callable[[str, int, str], None]
    ) -> None:
        super().__init__(client)
        self.sid = b""
        self._on_messages, self._on_status = on_messages, on_status

    def reset(self) -> None:
        """Forget what was read."""
        super().reset()
        self._parts: list[bytes] = []
        self._have = self._need = 0

    async def parse(self, data: bytes = b"") -> None:
        """Take what was read from the socket."""
        self._parts.append(data)
        self._have += len(data)
        if self._have < self._need:
            return
        data = b"".join(self._parts) if len(self._parts) > 1 else data
        received = Received()
        try:
            used, self._need = await self._cut(data, received)
        except (ValueError, IndexError) as error:
            raise ProtocolError from error
        finally:
            if received.payloads:
                self._on_messages(received)
        rest = data[used:]
        self._parts, self._have = [rest] if rest else [], len(rest)

    async def _cut(self, data: bytes, received: Received) -> tuple[int, int]:
        """Cut whole messages; returns bytes used, and bytes needed from there on for one more."""
        start, size, sid, find = 0, len(data), self.sid, data.find
        payloads, subjects, replies = received.payloads, received.subjects, received.replies
        while (end := find(b"\r\n", start)) >= 0:
            words = data[start:end].split()
            if words[0] not in (b"MSG", b"HMSG"):
                await super().parse(data[start : end + 2])
                start = end + 2
                continue
            body = end + 2
            stop = body + int(words[-1])
            if stop + 2 > size:
                return start, stop + 2 - start
            if words[2] != sid:
                await super().parse(data[start : stop + 2])
            else:
                head = body
                if words[0] == b"HMSG":
                    body += int(words[-2])
                    # a status has its code in the first line of its headers
                    if data[head + STATUS_AT] == 0x20:
                        self._status(words[1], data[head:body])
                        start = stop + 2
                        continue
                payloads.append(data[body:stop])
                subjects.append(words[1])
                replies.append(words[3])
            start = stop + 2
        if size - start > LONGEST_LINE:
            raise ProtocolError
        return start, size - start + 1

    def _status(self, subject: bytes, headers: bytes) -> None:
        line = headers[STATUS_AT : headers.index(b"\r\n")].split(maxsplit=1)
        self._on_status(subject.decode(), int(line[0]), line[1].decode("utf-8", "replace") if len(line) > 1 else "")


class CuttingClient(Client):
    """nats-py with our cutter in the parser's place, and no password in the clear where TLS was asked for."""

    def __init__(self, on_messages: Callable[[Received], None], on_status: Callable[[str, int, str], None]) -> None:
        super().__init__()
        self.cutter = Cutter(self, on_messages, on_status)
        self.is_cutting = isinstance(self._ps, Parser)
        self._ps = self.cutter

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # the server says whether it wants TLS; somebody between us could say that it does not
        if initial_connection:
            is_offered, is_wanted = bool(info.get("tls_required")), isinstance(self.options.get("tls"), ssl.SSLContext)
            if is_wanted and not is_offered:
                raise SecureConnWantedError
            if is_offered and not is_wanted:
                raise SecureConnRequiredError
        await super()._process_info(info, initial_connection)
