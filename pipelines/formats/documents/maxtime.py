"""Event logs that MaxTime controllers give as XML: EventResponses of one controller each, with an Event per line.

Wire names are those of the document: IntersectionNumber, IP, MAC, StartTime and PhasesInUse of the Description; ID, TimeStamp,
EventTypeID and Parameter of the Event. Times are the controller's wall clock, month first, padded or not, with or without a
fraction; events may be a second out of order. What codes mean does not belong here.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from lxml import etree

from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.lines import Lines
from pipelines.formats.xml_documents import Malformed, elements, payloads, text_of
from pipelines.sources.source import Source
from schemas.conform import no_faults
from schemas.contract import Contract
from schemas.rejection import Code

OF_EVENT = ("ID", "TimeStamp", "EventTypeID", "Parameter")
TIMES = ("TimeStamp", "StartTime")
MONTH_FIRST = r"^\s*(\d{1,2})[-/](\d{1,2})[-/](\d{4})[ T](\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d+)?\s*$"


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """A row per Event; a document that is not well-formed, or is another one, is one malformed row."""
    names = source.document_names
    frames: list[pl.DataFrame] = []
    found = [no_faults()]
    first = [0]
    for document in documents.raw():
        try:
            read = list(_responses(document, names))
        except Malformed as error:
            found.append(faults(pl.Series(first[-1:], dtype=pl.Int64), Code.MALFORMED, "a MaxTime event log", str(error)))
            first.append(first[-1] + 1)
            continue
        frames += read
        first.append(first[-1] + sum(f.height for f in read))
    of = np.repeat(np.arange(len(first) - 1), np.diff(first))
    refused = pl.concat(found)
    kept = np.setdiff1d(np.arange(of.size), refused["_position"].to_numpy())
    wire = pl.concat(frames) if frames else pl.DataFrame(schema={"": pl.Null} | dict.fromkeys(names, pl.String))
    times = [_iso(pl.col(n)).alias(n) for n in names if n in TIMES]
    wire = wire.drop("").with_columns(*times, pl.Series("_position", kept, dtype=pl.Int64))
    return Decoded((wire,), refused, payloads(documents, of, refused["_position"], _of_log), of)


def _responses(document: bytes, names: list[str]) -> Iterator[pl.DataFrame]:
    """The events of each controller in a document; a column without a name keeps their number where no other is asked for."""
    is_log = False
    for name, element in elements(document, ("EventResponse",), ("EventResponses",)):
        is_log = True
        if name == "EventResponse":
            # lxml hands out attributes one by one; asking XPath for all of a kind at once takes twice as long
            events = list(_events(element))
            columns = {"": pl.Series([None] * len(events), dtype=pl.Null)}
            for n in names:
                values = [e.get(n) for e in events] if n in OF_EVENT else [text_of(element, n)] * len(events)
                columns[n] = pl.Series(values, dtype=pl.String)
            yield pl.DataFrame(columns)
    if not is_log:
        raise Malformed("no EventResponse in it")


def _events(response: etree._Element) -> Iterator[etree._Element]:
    return response.iterchildren("{*}Event")


def _of_log(document: bytes) -> Iterator[etree._Element]:
    return (event for _, response in elements(document, ("EventResponse",)) for event in _events(response))


def _iso(text: pl.Expr) -> pl.Expr:
    """A time month first as ISO 8601; any other text as it is."""
    part = text.str.extract_groups(MONTH_FIRST)
    padded = [part.struct[i].str.zfill(2) for i in (0, 1, 3, 4, 5)]
    month, day, hour, minute, second = padded
    iso = pl.format("{}-{}-{}T{}:{}:{}{}", part.struct[2], month, day, hour, minute, second, part.struct[6].fill_null(""))
    return pl.when(part.struct[0].is_not_null()).then(iso).otherwise(text)
