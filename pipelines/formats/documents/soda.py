"""SODA: the rows of a Socrata data set as JSON, as `/resource/<id>.json` answers.

Wire names are the data set's columns, which differ from city to city: source blocks name them. Of columns that hold a place
`<column>.lat` and `<column>.lon`; of the system's fields `:id`, `:created_at`, `:updated_at`. Values are texts, and times
without offset are the publisher's wall clock (`time_zone` of the block). What a column means does not belong here.
"""

from pipelines.formats import json_documents
from pipelines.formats.decoded import Decoded
from pipelines.formats.json_documents import pointer
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.contract import Contract

AXES = {"lon": ("coordinates/0", "longitude"), "lat": ("coordinates/1", "latitude")}
"""Where a Point, and a Location of the first SODA, keep their coordinates."""


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """A row per row of the data set; one without a value leaves the column out."""
    rows = json_documents.entities(documents)
    read = json_documents.values(rows.table, {n: _places(n) for n in source.document_names})
    return Decoded((rows.table.select("_position").hstack(read),), rows.faults, rows.payloads, rows.documents)


def _places(name: str) -> tuple[str, ...]:
    *path, last = name.split(".")
    own = pointer(*path, last)
    return (own, *(f"{pointer(*path)}/{place}" for place in AXES[last])) if path and last in AXES else (own,)
