"""One connection to JetStream: an ephemeral consumer from the next sequence that is wanted, asked for batch after batch.

Nothing is acknowledged, and the broker remembers nothing: what went missing on the way is asked for again by a new consumer.
That a lost connection is followed by another is said in `jetstream_tap`.
"""

import asyncio
import contextlib
import json
import ssl
import time
from dataclasses import dataclass

import numpy as np
from nats.errors import Error as NatsError
from nats.errors import NoServersError, SecureConnRequiredError, SecureConnWantedError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamState
from nats.js.errors import APIError, BadRequestError, NotFoundError
from nats.js.manager import JetStreamManager

from pipelines.live.tap import Place
from pipelines.sources.buffer import Buffer
from pipelines.sources.jetstream import Options
from pipelines.sources.jetstream_wire import CuttingClient, Received, places
from schemas.errors import SourceError

ANSWER_S = 10.0
EXPIRES_S, HEARTBEAT_S = 30.0, 5.0
INACTIVE_S = 300.0
LOOK_S = 1.0
LEAST_ASK_BYTES = 64 * 1024


class LostError(Exception):
    """The consumer or the connection is gone, the words say why; another may do better."""


@dataclass(frozen=True)
class Login:
    """Arguments for nats-py's connect, and the TLS context."""

    words: dict[str, str]
    tls: ssl.SSLContext | None


@dataclass(frozen=True)
class Chunk:
    """Messages of one read."""

    payloads: list[bytes]
    subjects: list[bytes]
    sequences: np.ndarray
    received_us: np.ndarray


class Pull:
    """See the module.

    Attributes:
        next: the first sequence that did not arrive yet; 0 before it is known.
        pending: messages behind the last one that arrived.
        is_up: the consumer is made.
    """

    def __init__(self, spec: Options, place: Place, login: Login, held: Buffer[Chunk], room: asyncio.Event, wanted: int) -> None:
        self.spec, self.place, self.login, self.held, self.room = spec, place, login, held, room
        self.next, self.pending, self.is_up = wanted, 0, False
        self._delivered = 0
        self._left = 0
        self._ended: tuple[int, str] | None = None
        self._failed = ""
        self._heard_at = time.monotonic()
        self._event = asyncio.Event()
        self._request = ""

    async def run(self) -> None:
        """Read until the connection or the consumer is lost, which is raised.

        Raises:
            SourceError: only a person can help.
        """
        errors: list[Exception] = []

        async def on_error(error: Exception) -> None:
            errors.append(error)

        async def on_end() -> None:
            self._fail(f"connection lost ({errors[-1] if errors else 'the broker closed it'})")

        client = CuttingClient(self._take, self._status)
        if not client.is_cutting:
            raise SourceError(self._where, "this version of nats-py parses in another way", "install the locked versions")
        try:
            try:
                await client.connect(
                    f"nats://{self.spec.server}",
                    name=f"citylake {self.place.feed}/{self.place.name}",
                    error_cb=on_error,
                    disconnected_cb=on_end,
                    closed_cb=on_end,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,  # type: ignore[arg-type]
                    connect_timeout=5,
                    ping_interval=10,
                    tls=self.login.tls,
                    tls_hostname=self.spec.server.host if self.login.tls else None,
                    **self.login.words,  # type: ignore[arg-type]
                )
            except (OSError, NatsError) as error:
                raise self._refusal(errors[-1] if isinstance(error, NoServersError) and errors else error) from error
            await self._read(client)
        finally:
            self.is_up = False
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.close(), 2)

    async def _read(self, client: CuttingClient) -> None:
        manager = client.jsm(timeout=ANSWER_S)
        stream = await self._stream(manager)
        inbox = client.new_inbox()
        subscription = await client.subscribe(f"{inbox}.*")
        client.cutter.sid = str(subscription._id).encode()
        name = await self._consumer(manager, stream)
        self.is_up = True
        try:
            await self._ask(client, manager, stream, name, inbox)
        finally:
            if client.is_connected:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(manager.delete_consumer(stream, name), 1)

    async def _stream(self, manager: JetStreamManager) -> str:
        spec = self.spec
        try:
            name = spec.stream or await manager.find_stream_name_by_subject(spec.subjects[0])
            state = (await manager.stream_info(name)).state
        except NotFoundError as error:
            missing = f"stream {spec.stream!r}" if spec.stream else f"stream with the subject {spec.subjects[0]!r}"
            remedy = "make it, for example with `nats stream add`, or correct stream and subject"
            raise SourceError(self._where, f"the broker has no {missing}", remedy) from error
        except APIError as error:
            if error.err_code in (10039, 10076):  # JetStream not enabled, for the account or at all
                raise SourceError(self._where, f"the broker has no JetStream ({error.description})", "enable it there") from error
            raise
        self.place.say(self._settle(state))
        return name

    def _settle(self, state: StreamState) -> str:
        """Find where to go on; returns what there is to say."""
        if self.next > state.last_seq + 1:
            ends = f"the stream ends at {state.last_seq}: it was made anew, or lost its end"
            found = f"the lake has it up to {self.next - 1}, but {ends}"
            raise SourceError(self._where, found, "give the source another name, so that it starts with the stream")
        if self.next == 0:
            self.next = state.last_seq + 1 if self.spec.start == "latest" else max(state.first_seq, 1)
        gone, self.next = state.first_seq - self.next, max(self.next, state.first_seq)
        return self._gone(gone) if gone > 0 else ""

    async def _consumer(self, manager: JetStreamManager, stream: str) -> str:
        subjects = list(self.spec.subjects)
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self.next,
            ack_policy=AckPolicy.NONE,
            filter_subject=subjects[0] if len(subjects) == 1 else None,
            filter_subjects=subjects if len(subjects) > 1 else None,
            inactive_threshold=INACTIVE_S,
            mem_storage=True,
            num_replicas=1,
        )
        try:
            info = await manager.add_consumer(stream, config)
        except BadRequestError as error:
            remedy = "correct subject: it must be among the stream's, and filters must not overlap"
            raise SourceError(self._where, f"the broker refuses to read it so ({error.description})", remedy) from error
        self.pending = info.num_pending or 0
        return str(info.name)

    async def _ask(self, client: CuttingClient, manager: JetStreamManager, stream: str, consumer: str, inbox: str) -> None:
        """Ask for one batch at a time, never for more than there is room for."""
        subject, number, is_large = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}", 0, False
        ask_bytes = max(self.held.most_bytes // 2, LEAST_ASK_BYTES)
        while True:
            self.held.room_at = 0 if is_large else self.held.most_bytes // 2
            while self._lacks_room():
                await self._wait_for_room(manager, stream, consumer)
            number += 1
            asked = 1 if is_large else self.spec.batch
            self._request, self._ended, self._left = f"{inbox}.{number}", None, asked
            request = {"batch": asked, "expires": int(EXPIRES_S * 1e9), "idle_heartbeat": int(HEARTBEAT_S * 1e9)}
            # a message that is larger than the room comes alone, when all before it is taken
            request |= {} if is_large else {"max_bytes": ask_bytes}
            await client.publish(subject, json.dumps(request).encode(), reply=self._request)
            self._heard_at = time.monotonic()
            exceeds = await self._answered()
            is_large = exceeds and self._left == asked

    async def _answered(self) -> bool:
        """Wait until the request is served or ended; returns whether it ended because the next message exceeds its bytes."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._event.wait(), HEARTBEAT_S)
            self._event.clear()
            if self._failed:
                raise LostError(self._failed)
            if self._left <= 0:
                return False
            if self._ended:
                code, words = self._ended
                if code == 409 and "exceeds maxbytes" in words.lower():
                    return True
                if code in (404, 408) or (code == 409 and "batch completed" in words.lower()):
                    return False
                raise LostError(f"the broker ended the reading ({code} {words})".replace(" )", ")"))
            if time.monotonic() - self._heard_at > 3 * HEARTBEAT_S:
                raise LostError(f"the broker was silent for {3 * HEARTBEAT_S:.0f} s")

    def _lacks_room(self) -> bool:
        self.room.clear()  # before looking: what is taken from now on rings again
        return self.held.bytes > self.held.room_at

    async def _wait_for_room(self, manager: JetStreamManager, stream: str, consumer: str) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.room.wait(), LOOK_S)
            return
        # nothing arrives that would tell how far behind we are, and a consumer that is never asked for anything goes away
        self.pending = (await manager.consumer_info(stream, consumer)).num_pending or 0
        if self._failed:
            raise LostError(self._failed)

    # what the cutter calls

    def _take(self, received: Received) -> None:
        self._heard_at = time.monotonic()
        count, at = len(received.payloads), places(received.replies)
        if self._failed:
            return
        if at.delivered[0] != self._delivered + 1 or at.delivered[-1] != self._delivered + count or at.sequences[0] < self.next:
            self._fail("messages went missing on the way")
            return
        self._delivered += count
        gone = int(at.sequences[-1]) + 1 - self.next - count
        if gone and not self.spec.subjects:
            self.place.say(self._gone(gone))
        self.next, self.pending = int(at.sequences[-1]) + 1, at.pending
        chunk = Chunk(received.payloads, received.subjects, at.sequences, at.received_us)
        self.held.put(chunk, count, sum(map(len, received.payloads)))
        self._left -= count
        if self._left <= 0:
            self._event.set()

    def _status(self, subject: str, code: int, words: str) -> None:
        self._heard_at = time.monotonic()
        if code != 100 and subject == self._request:
            self._ended = (code, words)
            self._event.set()

    def _fail(self, words: str) -> None:
        self._failed = self._failed or words
        self._event.set()
        self.room.set()

    def _gone(self, count: int) -> str:
        most = "up to " if self.spec.subjects else ""
        return (
            f"{self.spec.server}: {most}{count} messages are gone from the stream before they were read: its limits are too tight"
        )

    def _refusal(self, error: Exception) -> Exception:
        words = str(error)
        if isinstance(error, ssl.SSLCertVerificationError):
            remedy = "name who signed the broker's certificate as ca_file, and the host as the certificate does"
            return SourceError(self._where, f"the broker's certificate is not trusted ({error.verify_message})", remedy)
        if isinstance(error, SecureConnWantedError):
            return SourceError(self._where, "the broker offers no TLS", "let it, or write nats://")
        if isinstance(error, SecureConnRequiredError):
            return SourceError(self._where, "the broker wants TLS", "write nats+tls://")
        if "authorization violation" in words.lower() or "authentication" in words.lower():
            return SourceError(self._where, "the broker refuses us", "check the credentials in the environment")
        return LostError(f"no connection ({words or type(error).__name__})")

    @property
    def _where(self) -> str:
        return f"{self.spec.where} {self.spec.server}"
