"""How Beam may handle batches: by reference within a stage; pickled only if a runner insists.

Without this Beam pickles whole batches just to estimate their size (docs/decisions/0015).
"""

import pickle
from typing import Any

from apache_beam import coders

from pipelines.live.lot import Gathered
from pipelines.sources.files import Split
from pipelines.sources.reading import Chunk
from pipelines.steps import Batch


class BatchCoder(coders.Coder):
    """A coder whose size estimate costs nothing."""

    def encode(self, value: Any) -> bytes:
        """Pickle, for runners that do not fuse."""
        return pickle.dumps(value)

    def decode(self, encoded: bytes) -> Any:
        """Unpickle what this coder made on another worker of the same job."""
        return pickle.loads(encoded)  # noqa: S301

    def estimate_size(self, value: Any) -> int:
        """The bytes a batch was read from."""
        if isinstance(value, (Chunk, Gathered)):
            return len(value.data)
        return value.bytes if isinstance(value, Batch) else value.end - value.start

    def is_deterministic(self) -> bool:
        """Batches are never keys."""
        return False


def register() -> None:
    """Make Beam use the coder for the types that travel between landing's steps."""
    for kind in (Batch, Chunk, Gathered, Split):
        coders.registry.register_coder(kind, BatchCoder)
