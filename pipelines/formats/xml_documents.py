"""XML documents, element by element: no tree of the whole, no entities, nothing fetched.

What an element means is the formats'. Names are local names: a standard changes its namespaces with every version.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO

from lxml import etree

ROOT = re.compile(rb"<[A-Za-z_]")
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
