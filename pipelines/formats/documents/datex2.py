"""DATEX II, versions 2 and 3: what sites measured, and which sites there are; bare, in SOAP, or in a messageContainer.

A row of `type` TrafficData is what one index of a site measured at one time (flow, speed, occupancy); each travel time is a row
of TravelTimeData; each index of a MeasurementSiteTable a row of MeasurementSite. Wire names are the standard's own:
  measurementSiteReference (the site's id), .version, index, measurementTimeDefault, timeMeaning, period, specificLane
  vehicleFlowRate veh/h, speed km/h, percentage (of occupancy), duration s; empty where `dataError` says so, whatever the number
  dataError: true where every value of the row is in error
Where a site table came before in the same document, `index` is the vehicle class and `specificLane` the lane it stands for, so
that flow and speed of a lane share a row. Situations, regulations, parking and all else not measured does not belong here.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from lxml import etree

from pipelines.formats.datex2_sites import DATA, DEFAULTS, ENVELOPES, PUBLICATIONS, SITES, Reader, Rows
from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.lines import Lines
from pipelines.formats.xml_documents import Malformed, elements, payloads
from pipelines.sources.source import Source
from schemas.conform import no_faults
from schemas.contract import Contract
from schemas.rejection import Code


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """Rows of each document; what is no measured data is one fault that says what it is instead."""
    names = source.document_names
    rows, document_of, refused = Rows(), list[int](), list[tuple[int, str, str | None]]()
    # sites come one by one: lxml has no other way to read what is larger than a tree of it should be
    for number, document in enumerate(documents.raw()):
        reader, before = Reader(rows), len(rows.element)
        broken: tuple[str, str | None] | None = None
        try:
            for name, element in elements(document, (*DATA, *SITES, *DEFAULTS), (*PUBLICATIONS, *ENVELOPES)):
                reader.take(name, element)
        except Malformed as error:
            broken = (f"an XML document: {error}", None)
        if broken is None and reader.foreign:
            broken = ("measured data", reader.foreign)
        document_of += [number] * (len(rows.element) - before)
        if broken is not None:
            refused.append((len(document_of), *broken))
            document_of.append(number)
    taken = np.delete(np.arange(len(document_of)), [at for at, *_ in refused])
    columns = {n: pl.Series(n, rows.column(n), dtype=pl.String) for n in names}
    frame = pl.DataFrame({**columns, "_position": pl.Series(taken, dtype=pl.Int64)})
    told = [_fault(at, expected, found or _head(documents, document_of[at])) for at, expected, found in refused]
    wrong, of = pl.concat(told) if told else no_faults(), np.array(document_of, np.int64)
    element_of = np.zeros_like(of)
    element_of[taken] = rows.element
    return Decoded((frame,), wrong, payloads(documents, of, wrong["_position"], _measured, element_of), of)


def _fault(at: int, expected: str, found: str) -> pl.DataFrame:
    return faults(pl.Series([at], dtype=pl.Int64), Code.MALFORMED, expected, found)


def _measured(document: bytes) -> Iterator[etree._Element]:
    """The elements that rows come from."""
    return (element for _, element in elements(document, (*DATA, *SITES)))


def _head(documents: Lines, number: int) -> str:
    starts, ends = documents.bounds
    return documents.data[starts[number] : ends[number]][:200].decode(errors="backslashreplace")
