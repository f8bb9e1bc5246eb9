"""Landing: bytes of any kind become conforming rows in raw, refused rows in quarantine, lines in the ledger.

One line per verb. Where bytes come from is `sources`, what they mean `formats` and `mapping`.
Batches never cross a shuffle; only descriptors do.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.commit import commit
from pipelines.faults import aloud
from pipelines.sources.files import Split
from pipelines.sources.reading import Chunk
from pipelines.steps import Batch, Landing, conform, decode, read, write

if TYPE_CHECKING:
    import apache_beam as beam


def build(pipeline: "beam.Pipeline", landing: Landing, splits: Sequence[Split]) -> "beam.PCollection":
    """Add the landing of one source to a Beam pipeline; gives one `Step` per file it completed."""
    import apache_beam as beam

    from pipelines import coding

    coding.register()
    return (
        pipeline
        | "splits" >> beam.Create(list(splits))
        | "spread" >> beam.Reshuffle()
        | "read" >> beam.FlatMap(aloud(read), landing).with_output_types(Chunk)
        | "decode" >> beam.Map(aloud(decode), landing).with_output_types(Batch)
        | "conform" >> beam.Map(aloud(conform), landing).with_output_types(Batch)
        | "write" >> beam.Map(aloud(write), landing)
        | "gather" >> beam.combiners.ToList()
        | "commit" >> beam.FlatMap(aloud(commit), landing)
    )
