"""Protobuf messages become columns: of a message type only the fields asked for are read, thousands of messages at once.

What a message means is its format's (`documents/*.py`). The work is done by ptars (Rust), so Python sees no message one by one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor

Field = descriptor_pb2.FieldDescriptorProto
STAND_IN = {Field.TYPE_MESSAGE: Field.TYPE_BYTES, Field.TYPE_ENUM: Field.TYPE_INT32}
"""What is not looked into, by the type of the same bytes on the wire."""


@dataclass(frozen=True)
class Reader:
    """Reads messages of one type."""

    handler: Any

    def read(self, messages: Sequence[bytes]) -> tuple[list[int], pl.DataFrame]:
        """The indices of the messages that could be read, and a row for each of those.

        One broken message fails a batch, so a batch that fails is halved until that message stands alone.
        """
        good: list[int] = []
        frames = []
        for start, stop, frame in self._halved(messages, 0, len(messages)):
            good += range(start, stop)
            frames.append(frame)
        return good, pl.concat(frames) if frames else self._frame([])

    def _halved(self, messages: Sequence[bytes], start: int, stop: int) -> Iterator[tuple[int, int, pl.DataFrame]]:
        try:
            yield start, stop, self._frame(messages[start:stop])
        except ValueError:
            if stop - start > 1:
                middle = (start + stop) // 2
                yield from self._halved(messages, start, middle)
                yield from self._halved(messages, middle, stop)

    def _frame(self, messages: Sequence[bytes]) -> pl.DataFrame:
        return pl.DataFrame(pl.from_arrow(self.handler.list_to_record_batch(list(messages))))


@cache
def reader(message: Descriptor, wanted: tuple[str, ...]) -> Reader:
    """A reader of the fields at dotted paths; names the type does not have are left out.

    A path that ends at a message gives its bytes, an enum its number. Every field may be absent, whatever the type says.
    """
    from ptars import HandlerPool  # only sources of such formats need it

    tree: dict[str, Any] = {}
    for path in wanted:
        node = tree
        for name in path.split("."):
            node = node.setdefault(name, {})
    file = descriptor_pb2.FileDescriptorProto(name="wanted.proto", package="wanted", syntax="proto2")
    _trimmed(message, tree, file)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindFileByName(file.name)
    return Reader(HandlerPool([found]).get_for_message(found.message_types_by_name["M0"]))


def _trimmed(message: Descriptor, tree: dict[str, Any], file: descriptor_pb2.FileDescriptorProto) -> str:
    """Add a copy of a message type with the wanted fields alone; its name. Fields are known by number, so the rest is skipped."""
    name = f"M{len(file.message_type)}"
    made = file.message_type.add(name=name).field
    for wanted, below in tree.items():
        if wanted not in message.fields_by_name:
            continue
        field = message.fields_by_name[wanted]
        label = Field.LABEL_REPEATED if field.is_repeated else Field.LABEL_OPTIONAL
        said = Field(name=wanted, number=field.number, label=label, type=STAND_IN.get(field.type, field.type))
        if field.message_type is not None and below:
            said.type = Field.TYPE_MESSAGE
            said.type_name = f".{file.package}.{_trimmed(field.message_type, below, file)}"
        made.append(said)
    return name


def members(message: bytes, number: int) -> tuple[list[bytes], int]:
    """The values of a message's field that are messages themselves, as they came, and where they can be told apart no longer.

    Only documents with something to refuse are walked like this, byte by byte.
    """
    out: list[bytes] = []
    at = 0
    while at < len(message):
        key, start = _varint(message, at)
        size, after = _varint(message, start)
        end = {0: after, 1: start + 8, 2: after + size, 5: start + 4}.get(key & 7, -1)
        if key < 0 or end < 0 or end > len(message) or (key & 7 in (0, 2) and size < 0):
            break
        if key & 7 == 2 and key >> 3 == number:
            out.append(message[after:end])
        at = end
    return out, at


def field(number: int, value: bytes) -> bytes:
    """A field whose value is a message, as it is written into another message."""
    size, count = bytearray(), len(value)
    while count > 0x7F:
        size.append(count & 0x7F | 0x80)
        count >>= 7
    return bytes([number << 3 | 2, *size, count]) + value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of variable length and where it ends; -1 where there is none."""
    value = 0
    for place, byte in enumerate(message[at : at + 10]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    return -1, len(message)
