"""Reads a Kafka topic through a consumer group and starts every partition where the lake wants it.

What a block of citylake.toml may say is `kafka`; where a partition starts is decided in `kafka_places`.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipelines.live import clock
from pipelines.live.tap import Messages, Place, Tap
from pipelines.sources import kafka_places
from pipelines.sources.kafka_messages import MENDED_BY_A_PERSON, OUT_OF_RANGE, sorted_out
from pipelines.sources.kafka_places import named, place_of
from schemas.errors import SettingsError, SourceError

CHUNK = 10_000
"""Most messages fetched from librdkafka in one call."""
PATIENCE_S = 10.0
"""How long a full tap waits for the reader without polling; then it pauses and polls, or the group would call it dead."""
COMMIT_S = 1.0
"""How often landed positions are told to the broker, for whoever watches the group there."""
AWAY = "no broker is there; trying again"
LOG = logging.getLogger(__name__)
LOG.addHandler(logging.NullHandler())  # what matters is said through the place


class KafkaTap(Tap):
    """An open Kafka topic.

    One thread owns the consumer: it polls, rebalances, finds places and commits, so that `take` never blocks. Half of
    `hold_bytes` is held here and half in librdkafka's queue; when both are full the broker waits. A partition that
    is "astray" (just assigned, rewound, or asked for out of range) gives nothing until the lake has said where it starts.

    Raises:
        SettingsError: librdkafka refuses the configuration.
    """

    def __init__(self, configuration: dict[str, Any], topics: Sequence[str], start: str, place: Place) -> None:
        self._where = f"[feeds.{place.feed}.sources.{place.name}]"
        self._topics, self._start, self._place = topics, start, place
        self._room = threading.Condition()
        self._held: deque[Messages] = deque()
        self._held_bytes = self._held_count = 0
        self._most_bytes = max(place.hold_bytes // 2, 1)
        self._message_bytes = 1000.0
        self._owned: set[str] = set()
        self._astray: dict[str, int] = {}
        self._next: dict[str, int] = {}
        self._ends: dict[str, int] = {}
        self._landed: dict[str, int] = {}
        self._fault: BaseException | None = None
        self._connected = self._was_connected = False
        self._complaint = self._unreached = ""
        self._try_again_at, self._wait_s, self._commit_at = 0.0, 1.0, 0.0
        self._closing = threading.Event()
        hear: dict[str, Any] = {"error_cb": self._on_error, "stats_cb": self._on_statistics, "on_commit": self._on_commit}
        try:
            self._consumer = Consumer({**configuration, **hear}, logger=LOG)
        except KafkaException as error:
            raise SettingsError(f"{self._where} options", error.args[0].str(), "see CONFIGURATION.md of librdkafka") from error
        self._consumer.subscribe(list(topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)
        self._thread = threading.Thread(target=self._run, name=f"kafka {place.feed}.{place.name}", daemon=True)
        self._thread.start()

    def take(self, most_bytes: int) -> list[Messages]:
        """What arrived since the last call."""
        out: list[Messages] = []
        taken = 0
        with self._room:
            while self._held and (not out or taken + _size(self._held[0]) <= most_bytes):
                out.append(self._held.popleft())
                taken += _size(out[-1])
                self._held_count -= len(out[-1].payloads)
            self._held_bytes -= taken
            self._room.notify_all()
        if not out and self._fault:
            raise self._fault
        return out

    def acknowledge(self, marks: list[Any]) -> None:
        """Remember what the broker shall be told; the lake does not need it."""
        with self._room:
            for partition, position in marks:
                self._landed[partition] = max(position, self._landed.get(partition, 0))

    def rewind(self, partitions: Sequence[str]) -> bool:
        """Start these partitions again where the lake wants them; what is held of them is dropped at once."""
        with self._room:
            self._forget(partitions)
            for partition in self._owned & set(partitions):
                self._astray[partition] = self._astray.get(partition, 0) + 1
        return True

    @property
    def is_connected(self) -> bool:
        """Whether at least one broker is there."""
        return self._connected and self._fault is None

    @property
    def is_full(self) -> bool:
        """Whether nothing more is read until something is taken."""
        return self._held_bytes >= self._most_bytes

    def lag(self) -> int | None:
        """Messages between what was taken and the partitions' ends, as of the last two seconds or so."""
        with self._room:
            ends = [(end, self._next[name]) for name, end in self._ends.items() if name in self._next]
            return sum(max(end - begin, 0) for end, begin in ends) + self._held_count if ends else None

    def close(self) -> None:
        """Leave the group."""
        self._closing.set()
        with self._room:
            self._room.notify_all()
        self._thread.join(60)

    def _run(self) -> None:
        try:
            more = False
            while not self._closing.is_set():
                self._tell_broker()
                self._put_in_place()
                if self._wait_for_room():
                    more = self._receive(0.0 if more else 0.1)
        except BaseException as error:  # not lost: take() raises it where the stream can see it
            self._fault = error
        finally:
            self._tell_broker(now=True)
            self._consumer.close()

    def _wait_for_room(self) -> bool:
        with self._room:
            if self._room.wait_for(lambda: not self.is_full or self._closing.is_set(), PATIENCE_S):
                return not self._closing.is_set()
        # pausing throws away what librdkafka prefetched, so it is for long waits only; heartbeats and rebalances go on
        while self.is_full and not self._closing.is_set():
            self._consumer.pause(self._consumer.assignment())
            self._receive(0.2, most=1)
            self._tell_broker()
            self._put_in_place()
        self._consumer.resume(self._consumer.assignment())
        return not self._closing.is_set()

    def _receive(self, wait_s: float, most: int = CHUNK) -> bool:
        """Hold what is there; true if there was as much as was asked for."""
        most = min(most, max(1, int(min(self._most_bytes / 4, 4 << 20) / self._message_bytes)))
        first = (
            self._consumer.poll(wait_s) if wait_s else None
        )  # comes back with the first message; consume() would sit out its time
        batch = [first] if first else []
        if most > 1 and (first or not wait_s):
            batch += self._consumer.consume(most, 0)
        if any(map(Message.error, batch)):
            for message in batch:
                if message.error():
                    self._hear(message)
            batch = [m for m in batch if not m.error()]
        if batch:
            self._connected = True
            if not self._astray:
                self._complain("")
            self._hold(list(sorted_out(batch, clock.now_us(), len(self._topics) == 1)))
        return len(batch) >= most > 1

    def _hold(self, arrived: list[Messages]) -> None:
        with self._room:
            for messages in arrived:
                if messages.partition in self._astray or messages.partition not in self._owned:
                    continue  # fetched before it was rewound or went to another process: it comes again, here or there
                size = _size(messages)
                self._held.append(messages)
                self._held_bytes += size
                self._held_count += len(messages.payloads)
                self._next[messages.partition] = messages.marks[1]
                self._message_bytes = max(0.9 * self._message_bytes + 0.1 * size / len(messages.payloads), 1.0)

    def _forget(self, partitions: Sequence[str]) -> None:
        gone = set(partitions)
        self._held = deque(m for m in self._held if m.partition not in gone)
        self._held_bytes = sum(map(_size, self._held))
        self._held_count = sum(len(m.payloads) for m in self._held)
        self._next = {name: position for name, position in self._next.items() if name not in gone}
        self._ends = {name: end for name, end in self._ends.items() if name not in gone}
        self._room.notify_all()

    def _put_in_place(self) -> None:
        """Assign the partitions that are astray with the offsets that are wanted; while store or broker is away, later."""
        with self._room:
            astray = {name: times for name, times in self._astray.items() if name in self._owned}
            known = {name: self._next[name] for name in astray if name in self._next}
        if not astray or time.monotonic() < self._try_again_at:
            return
        try:
            wanted = known | self._place.positions([name for name in astray if name not in known])
            starts, lost = kafka_places.starts(self._consumer, astray, wanted, self._start, self._where)
            at = {named(p): p for p in self._consumer.assignment()}
            self._consumer.incremental_unassign([at[name] for name in astray if name in at])
            self._consumer.incremental_assign([place_of(name, offset) for name, offset in starts.items()])
        except SourceError:
            raise
        except Exception as error:  # whatever store or broker raise while they are away: said, and tried again
            self._complain(f"cannot find where to start: {error}; trying again")
            self._try_again_at = time.monotonic() + self._wait_s
            self._wait_s = min(self._wait_s * 2, 30.0)
            return
        self._wait_s = 1.0
        self._complain("")
        if lost:
            self._place.say(lost)
        with self._room:
            for name, times in astray.items():
                if self._astray.get(name) == times:  # else it was rewound again meanwhile
                    del self._astray[name]
                    self._next[name] = starts[name]

    def _tell_broker(self, now: bool = False) -> None:
        if not now and time.monotonic() < self._commit_at:
            return
        self._commit_at = time.monotonic() + COMMIT_S
        with self._room:
            landed, self._landed = {n: p for n, p in self._landed.items() if n in self._owned}, {}
        if landed:
            try:
                self._consumer.commit(offsets=[place_of(n, p) for n, p in landed.items()], asynchronous=True)
            except KafkaException as error:
                self._on_commit(error.args[0], [])

    def _hear(self, message: Message) -> None:
        error = message.error()
        if error and error.code() in OUT_OF_RANGE:
            with self._room:
                self._astray[named(message)] = self._astray.get(named(message), 0) + 1
        elif error:
            self._on_error(error)

    def _on_error(self, error: KafkaError) -> None:
        code = error.code()
        first_tls = code == KafkaError._SSL and not self._was_connected
        if code in MENDED_BY_A_PERSON or first_tls or error.fatal():
            self._fault = SourceError(
                self._where, error.str(), MENDED_BY_A_PERSON.get(code, "correct the ssl and security options")
            )
            self._connected = False
            self._closing.set()
        elif code == KafkaError._ALL_BROKERS_DOWN:
            self._connected = False
            self._complain(AWAY)
        elif code not in (KafkaError._TRANSPORT, KafkaError._RESOLVE, KafkaError._TIMED_OUT):
            self._complain(error.str())
        elif not self._connected:
            self._unreached = f"{error.str()}; trying again"
            self._complain(self._unreached)

    def _on_statistics(self, text: str) -> None:
        told = json.loads(text)
        self._connected = any(b["state"] == "UP" for b in told["brokers"].values())
        if self._connected:
            self._was_connected = True
            if self._complaint in (AWAY, self._unreached):
                self._complain("")
        partitions = ((f"{t['topic']}/{n}", p["hi_offset"]) for t in told["topics"].values() for n, p in t["partitions"].items())
        with self._room:
            self._ends = {name: end for name, end in partitions if name in self._owned and end >= 0}

    def _on_commit(self, error: KafkaError | None, _: list[TopicPartition]) -> None:
        if error and error.code() != KafkaError._NO_OFFSET:
            self._complain(f"the broker did not note what has landed: {error.str()}; the lake does not need it")

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with self._room:
            self._forget([named(p) for p in partitions])
            self._owned |= {named(p) for p in partitions}
            self._astray |= {named(p): 1 for p in partitions}
        self._try_again_at = 0.0
        consumer.incremental_assign([])  # the group may go on; they are assigned when the lake has said where they start

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = {named(p) for p in partitions}
        with self._room:
            self._forget(list(gone))
            self._owned -= gone
            for name in gone:
                self._astray.pop(name, None)
        consumer.incremental_unassign([p for p in consumer.assignment() if named(p) in gone])

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._complaint = text
            self._place.say(text)


def _size(messages: Messages) -> int:
    return sum(map(len, messages.payloads))
