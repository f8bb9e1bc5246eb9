"""Open311 GeoReport v2 in JSON: the answers to GET Service Requests and GET Service Request.

Wire names are the standard's: `service_request_id`, `status`, `updated_datetime`, `long`, ... `status` comes in small letters;
`closed_datetime`, which few servers have, is else the `updated_datetime` of a request that is closed.
Tokens of requests that have no number yet, services and discovery do not belong here.
"""

import polars as pl

from pipelines.formats import json_documents
from pipelines.formats.decoded import Decoded
from pipelines.formats.json_documents import pointer
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.contract import Contract

CLOSED, UPDATED, STATUS = "closed_datetime", "updated_datetime", "status"


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """A row per request."""
    requests = json_documents.entities(documents)
    names = source.document_names
    read = json_documents.values(requests.table, {n: _places(n) for n in dict.fromkeys([*names, STATUS, UPDATED])})
    status = pl.col(STATUS).str.strip_chars().str.to_lowercase()
    given = [pl.col(n).replace("", None) for n in (CLOSED, UPDATED) if n in read.columns]
    read = read.with_columns(status.alias(STATUS))
    if CLOSED in names:
        # "For requests with status=closed, this will be the date the request was closed": GeoReport v2 of updated_datetime
        closed = pl.when(pl.col(STATUS) == "closed").then(pl.coalesce(given))
        read = read.with_columns(closed.alias(CLOSED))
    frame = requests.table.select("_position").hstack(read.select(names))
    return Decoded((frame,), requests.faults, requests.payloads, requests.documents)


def _places(name: str) -> tuple[str, ...]:
    return (pointer(*name.split(".")),)
