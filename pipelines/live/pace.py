"""How often a stream commits, and how much it may hold meanwhile; `[stream]` in citylake.toml."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """A batch is closed when its first message is `commit_s` old, or when it has `commit_bytes`.

    Attributes:
        commit_s: seconds from a message's arrival to the start of its commit, at most.
        commit_bytes: payload of one batch.
        hold_bytes: payload that a source holds beside the batch being landed; beyond it the broker waits.
    """

    commit_s: float = 0.5
    commit_bytes: int = 24 << 20
    hold_bytes: int = 48 << 20
