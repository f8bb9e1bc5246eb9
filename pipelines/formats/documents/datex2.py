"""DATEX II, versions 2 and 3: what sites measured, and which sites there are; bare, in SOAP, or in a messageContainer.

A row of `type` TrafficData is what one index of a site measured at one time (flow, speed, occupancy); each travel time is a row
of TravelTimeData; each index of a MeasurementSiteTable a row of MeasurementSite. Wire names are the standard's own:
  measurementSiteReference (the site's id), .version, index, measurementTimeDefault, timeMeaning, period, specificLane
  vehicleFlowRate veh/h, speed km/h, percentage (of occupancy), duration s; empty where `dataError` says so, whatever the number
  dataError: true where every value of the row is in error
Where a site table came before in the same document, `index` is the vehicle class and `specificLane` the lane it stands for, so
that flow and speed of a lane share a row. Situations, regulations, parking and all else not measured does not belong here.
"""

from collections import defaultdict

import numpy as np
import polars as pl
from lxml import etree

from pipelines.formats.datex2_sites import DATA, DEFAULTS, ENVELOPES, PUBLICATIONS, SITES, Reader, Rows
from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.lines import Lines
from pipelines.formats.xml_documents import Malformed, elements
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
    element_of = dict(zip(taken.tolist(), rows.element, strict=True))

    def payloads(positions: pl.Series) -> pl.Series:
        wanted: dict[int, dict[int, int | None]] = defaultdict(dict)
        for at in positions:
            wanted[document_of[at]][at] = element_of.get(at)
        shown = {at: text for number, ats in wanted.items() for at, text in _texts(documents, number, ats).items()}
        return pl.Series("payload", [shown[at] for at in positions], dtype=pl.String)

    faults_found = pl.concat(told) if told else no_faults()
    return Decoded((frame,), faults_found, payloads, np.array(document_of, np.int64))


def _fault(at: int, expected: str, found: str) -> pl.DataFrame:
    return faults(pl.Series([at], dtype=pl.Int64), Code.MALFORMED, expected, found)


def _texts(documents: Lines, number: int, wanted: dict[int, int | None]) -> dict[int, str]:
    """The XML of the elements that rows came from, read again, for few are asked for; of a refused document, all of it."""
    document = _document(documents, number)
    out = {at: document.decode(errors="backslashreplace") for at, element in wanted.items() if element is None}
    of_element = defaultdict(list)
    for at, element in wanted.items():
        of_element[element].append(at)
    try:
        for place, (_, element) in enumerate(elements(document, (*DATA, *SITES))):
            if place in of_element:
                text = etree.tostring(element, encoding="unicode", with_tail=False)
                out |= dict.fromkeys(of_element[place], text)
    except Malformed:
        pass  # the rows asked for stand before the place where it breaks
    return out


def _document(documents: Lines, number: int) -> bytes:
    starts, ends = documents.bounds
    return documents.data[starts[number] : ends[number]]


def _head(documents: Lines, number: int) -> str:
    return _document(documents, number)[:200].decode(errors="backslashreplace")
