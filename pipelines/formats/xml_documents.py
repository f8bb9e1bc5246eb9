"""XML documents, element by element: no tree of the whole, no entities, nothing fetched.

What an element means is the formats'. Names are local names: a standard changes its namespaces with every version.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from io import BytesIO

import numpy as np
import polars as pl
from lxml import etree

from pipelines.formats.lines import Lines

ROOT = re.compile(rb"<[A-Za-z_]")
WHOLE = -1
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


class Malformed(Exception):
    """The document cannot be read, or not further than this."""


def elements(document: bytes, names: tuple[str, ...], begun: tuple[str, ...] = ()) -> Iterator[tuple[str, etree._Element]]:
    """Local name and element of each that has one of the `names`, when it is complete; it is emptied afterwards.

    Args:
        begun: names of elements of which no more is wanted than their attributes, told when they begin.

    Raises:
        Malformed: where the document breaks off, or declares a document type.
    """
    root = ROOT.search(document)
    if b"<!DOCTYPE" in document[: root.start() if root else len(document)]:
        raise Malformed("a document type is declared")
    first = True
    try:
        for event, element in etree.iterparse(
            BytesIO(document),
            events=("start", "end"),
            tag=[f"{{*}}{n}" for n in (*names, *begun)],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
        ):
            if first and element.getroottree().docinfo.doctype:  # in an encoding in which the look above sees nothing
                raise Malformed("a document type is declared")
            first, name = False, local(element.tag)
            if event == "start":
                if name in begun:
                    yield name, element
            elif name in names:
                yield name, element
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
    except (etree.XMLSyntaxError, UnicodeError, LookupError) as error:
        raise Malformed(" ".join(str(error).split())[:200] or type(error).__name__) from error


def payloads(
    documents: Lines,
    document_of: np.ndarray,
    refused: pl.Series,
    rows: Callable[[bytes], Iterable[etree._Element]],
    element_of: np.ndarray | None = None,
) -> Callable[[pl.Series], pl.Series]:
    """The way back from rows to their XML, which is read again, each document once; of a refused document, all of it.

    Args:
        document_of: of each row, which document it is of; rows of a document stand together.
        refused: rows that stand for a document as a whole.
        rows: the elements of a document that are rows, in order.
        element_of: of each row, the number of its element in its document; the row's own number where it is not said.
    """

    def of(positions: pl.Series) -> pl.Series:
        at = positions.to_numpy()
        document = document_of[at]
        element = at - np.searchsorted(document_of, document) if element_of is None else element_of[at]
        asked = list(zip(document.tolist(), np.where(np.isin(at, refused.to_numpy()), WHOLE, element).tolist(), strict=True))
        wanted: dict[int, set[int]] = defaultdict(set)
        for number, place in asked:
            wanted[number].add(place)
        raw = documents.raw().gather(list(wanted))
        texts = {(n, place): t for (n, some), d in zip(wanted.items(), raw, strict=True) for place, t in _texts(d, some, rows)}
        return pl.Series("payload", [texts[a] for a in asked], dtype=pl.String)

    return of


def _texts(document: bytes, wanted: set[int], rows: Callable[[bytes], Iterable[etree._Element]]) -> Iterator[tuple[int, str]]:
    if WHOLE in wanted:
        yield WHOLE, document.decode(errors="backslashreplace")
    if wanted == {WHOLE}:
        return
    try:
        for place, element in enumerate(rows(document)):
            if place in wanted:
                yield place, etree.tostring(element, encoding="unicode", with_tail=False)
    except Malformed:
        pass  # the rows asked for stand before the place where it breaks


@lru_cache(1024)
def local(tag: str) -> str:
    """A name without its namespace, {uri}name or prefix:name."""
    return tag.rpartition("}")[2].rpartition(":")[2]


def type_of(element: etree._Element) -> str:
    """The local name of an element's xsi:type; empty where it has none."""
    return local(element.get(XSI_TYPE, ""))


def text_of(element: etree._Element, name: str) -> str | None:
    """The text of the first element of this name within, without blanks around it."""
    found = next(element.iter(f"{{*}}{name}"), None)
    return (found.text or "").strip() or None if found is not None else None
