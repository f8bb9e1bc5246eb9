"""Landing: bytes of any kind become conforming rows in raw, refused rows in quarantine, lines in the ledger.

One line per verb, for files and streams alike. Where bytes come from is `sources`, what they mean `formats` and
`mapping`. Batches never cross a shuffle; only descriptors do.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.commit import commit, commit_lot
from pipelines.faults import aloud
from pipelines.sources.files import Split
from pipelines.sources.reading import Chunk
from pipelines.steps import Batch, Landing, conform, decode, read, write

if TYPE_CHECKING:
    import apache_beam as beam

    from pipelines.live.reader import LiveSource


def build(pipeline: "beam.Pipeline", landing: Landing, splits: "Sequence[Split] | LiveSource") -> "beam.PCollection":
    """Add the landing of one source to a Beam pipeline.

    Args:
        splits: the ranges of files to read, or a live source that is read for as long as the pipeline runs.

    Returns:
        One `Step` per file it completed; of a live source one `Lot` per batch, committed in the stage that read it.
    """
    import apache_beam as beam

    from pipelines import coding

    coding.register()
    place, is_live = landing.place, landing.source.live is not None
    chunks = _messages(pipeline, splits) if is_live else _chunks(pipeline, landing, splits)  # type: ignore[arg-type]
    written = (
        chunks
        | "decode" >> beam.Map(aloud(decode, place), landing).with_output_types(Batch)
        | "conform" >> beam.Map(aloud(conform, place), landing).with_output_types(Batch)
        | "write" >> beam.Map(aloud(write, place), landing)
    )
    if is_live:
        return written | "commit" >> beam.Map(aloud(commit_lot, place), landing)
    return written | "gather" >> beam.combiners.ToList() | "commit" >> beam.FlatMap(aloud(commit, place), landing)


def _chunks(pipeline: "beam.Pipeline", landing: Landing, splits: Sequence[Split]) -> "beam.PCollection":
    import apache_beam as beam

    return (
        pipeline
        | "splits" >> beam.Create(list(splits))
        | "spread" >> beam.Reshuffle()
        | "read" >> beam.FlatMap(aloud(read, landing.place), landing).with_output_types(Chunk)
    )


def _messages(pipeline: "beam.Pipeline", source: "LiveSource") -> "beam.PCollection":
    from apache_beam.io.unbounded_source import ReadFromUnboundedSource

    # one batch a bundle: what a bundle has committed is acknowledged when it ends
    return pipeline | "read" >> ReadFromUnboundedSource(source, poll_interval=0.0, max_records_per_bundle=1)
