"""What a reader holds: each message once, in order, without gaps, however partitions begin again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.live.held import Held, beyond
from pipelines.live.tap import Messages


def some(first: int, end: int, partition: str = "p") -> Messages:
    at = np.arange(first, end)
    return Messages(partition, [b"%d" % i for i in at], at * 1000, at, [f"t/{i}" for i in at])


def positions(held: Held) -> list[int]:
    return [int(p) for m in held.taken for p in (m.positions if m.positions is not None else [])]


def take(held: Held, messages: Messages) -> None:
    fresh = held.unread(messages)
    held.add([fresh] if fresh else [])


def test_what_comes_again_is_taken_once() -> None:
    held = Held()
    held.begin("p", 5)
    for messages in (some(5, 9), some(5, 9), some(7, 12), some(3, 6)):
        take(held, messages)
    assert positions(held) == list(range(5, 12))
    assert held.bytes == sum(len(str(i)) for i in range(5, 12))


def test_what_others_landed_is_let_go() -> None:
    held = Held()
    held.begin("p", 0)
    take(held, some(0, 10))
    take(held, some(0, 3, "q"))
    held.begin("p", 6)
    assert positions(held) == [6, 7, 8, 9, 0, 1, 2]
    held.begin("p", 50)
    assert positions(held) == [0, 1, 2]
    take(held, some(6, 52))
    assert positions(held) == [0, 1, 2, 50, 51]


def test_a_partition_that_was_overtaken_begins_again_without_a_gap() -> None:
    held = Held()
    held.begin("p", 0)
    take(held, some(0, 10))
    held.forget("p")
    held.begin("p", 4)
    take(held, some(4, 8))
    assert positions(held) == [4, 5, 6, 7]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=20))
def test_everything_that_comes_in_order_is_held_in_order_once(reads: list[tuple[int, int]]) -> None:
    """A tap may begin again anywhere at or before where it was, never beyond."""
    held, reached = Held(), 0
    held.begin("p", 0)
    for back, size in reads:
        first = max(0, reached - back)
        take(held, some(first, first + size))
        reached = max(reached, first + size)
    assert positions(held) == list(range(reached))


def test_messages_beyond_a_position_keep_what_belongs_to_them() -> None:
    rest = beyond(some(3, 8), 6)
    assert rest is not None
    assert (rest.payloads, rest.topics, rest.received_us.tolist()) == ([b"6", b"7"], ["t/6", "t/7"], [6000, 7000])
    assert beyond(some(3, 8), 8) is None
