"""Feeds of entries, as dispatch desks publish what goes on: Atom, RSS 2.0 and RSS 1.0, placed by GeoRSS; a row per entry.

Wire names are those of Atom, whatever the document is: id (guid), title, category (its term), updated, published (pubDate),
summary (description), link; `name.attribute`, such as category.scheme; any other child by its local name; and point.lat,
point.lon from georss:point, gml:Point or W3C geo. Lines and areas are no points. What an entry means does not belong here.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from lxml import etree

from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.lines import Lines
from pipelines.formats.xml_documents import Malformed, elements, local, payloads
from pipelines.sources.source import Source
from schemas.conform import no_faults
from schemas.contract import Contract
from schemas.rejection import Code

ENTRIES = ("entry", "item")
FEEDS = ("feed", "rss", "RDF")
HOLDERS = ("feed", "channel", "RDF")
OF_RSS = {"guid": "id", "pubDate": "published", "date": "published", "description": "summary"}
"""What RSS 2.0, and Dublin Core in RSS 1.0, call what Atom calls otherwise."""
SAID_BY = {"category": "term", "link": "href"}
"""Elements that Atom writes as an attribute and RSS as text."""
POINTS = ("point", "pos", "lat", "long", "lon")
RFC_822 = (
    r"^(?:[A-Za-z]{3},\s*)?(\d{1,2})\s+([A-Za-z]{3})[a-z]*\s+(\d{4}|\d{2})\s+"
    r"(\d{1,2}:\d{2})(:\d{2})?\s*([A-Za-z]{1,3}|[+-]\d{4})?$"
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
ZONES = {"GMT": 0, "UT": 0, "UTC": 0, "Z": 0} | {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5}
ZONES |= {"MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
"""The zones that RFC 822 names, in hours."""


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:
    """A row per entry of each document; one that breaks off keeps what came before, and is one malformed row as well."""
    names = source.document_names
    rows, document_of, refused = list[dict[str, str | None]](), list[int](), dict[int, str]()
    # entries come one by one: lxml has no other way to read what is larger than a tree of it should be
    for number, document in enumerate(documents.raw()):
        try:
            for entry in _entries(document):
                rows.append(_values(entry, names))
        except Malformed as error:
            refused[len(rows) + len(refused)] = str(error)
        document_of += [number] * (len(rows) + len(refused) - len(document_of))
    kept = np.delete(np.arange(len(document_of)), list(refused))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    # a time of RSS says by its looks how it is written; one that the source declares is left as it came
    times = {w for f in source.fields if contract[f.target].kind == "instant" and f.format == "iso" for w in f.wire}
    frame = frame.with_columns(*(_rfc_3339(pl.col(n)).alias(n) for n in names if n in times))
    frame = frame.with_columns(pl.Series("_position", kept, dtype=pl.Int64))
    told = [faults(pl.Series([at], dtype=pl.Int64), Code.MALFORMED, "a feed of entries", found) for at, found in refused.items()]
    of, wrong = np.array(document_of, np.int64), pl.concat(told) if told else no_faults()
    return Decoded((frame,), wrong, payloads(documents, of, wrong["_position"], _entries), of)


def _entries(document: bytes) -> Iterator[etree._Element]:
    """The entries of a feed, or the entry that the document is; children of the same name elsewhere are none."""
    is_feed = False
    for name, element in elements(document, ENTRIES, FEEDS):
        parent = element.getparent()
        if parent is None:
            is_feed = is_feed or name in (*FEEDS, "entry")
        if is_feed and name in ENTRIES and (parent is None or local(parent.tag) in HOLDERS):
            yield element
    if not is_feed:
        raise Malformed("no feed of Atom or RSS")


def _values(entry: etree._Element, names: list[str]) -> dict[str, str | None]:
    """What is asked for of an entry; of children with one name the first, those of the entry's own namespace before others'."""
    own, found = entry.tag.rpartition("}")[0], dict[str, etree._Element]()
    children = [c for c in entry if isinstance(c.tag, str)]
    for child in sorted(children, key=lambda c: c.tag.rpartition("}")[0] != own):
        name = local(child.tag)
        found.setdefault(OF_RSS.get(name, name), child)
    lat, lon = _point(entry) if "point.lat" in names or "point.lon" in names else (None, None)
    told = {"point.lat": lat, "point.lon": lon, "id": _text(found.get("id")) or entry.get(_ABOUT)}
    return {n: told[n] if n in told else _value(found, n) for n in names}


_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"


def _value(found: dict[str, etree._Element], name: str) -> str | None:
    whole = found.get(name)
    if whole is not None:
        return dict(whole.attrib).get(SAID_BY.get(name, "")) or _text(whole)
    child, _, attribute = name.rpartition(".")
    return dict(found[child].attrib).get(attribute) if child in found else None


def _text(element: etree._Element | None) -> str | None:
    """All text within, as people read it; None where there is none."""
    return " ".join("".join(element.itertext()).split()) or None if element is not None else None


def _point(entry: etree._Element) -> tuple[str | None, str | None]:
    """Latitude and longitude, as written."""
    said: dict[str, str] = {}
    for element in entry.iter(etree.Element):
        name, text = local(element.tag), (element.text or "").strip()
        if name in POINTS and text and (name != "pos" or local(element.getparent().tag) == "Point"):
            said.setdefault("lon" if name == "long" else "pair" if name in ("point", "pos") else name, text)
    if "pair" not in said:
        return said.get("lat"), said.get("lon")
    pair = said["pair"].replace(",", " ").split()
    return (pair[0], pair[1]) if len(pair) == 2 else (f"no pair: {said['pair']}",) * 2


def _rfc_3339(text: pl.Expr) -> pl.Expr:
    """A time of RFC 822, with a year of two digits as RFC 2822 reads it, as RFC 3339; other texts as they are."""
    part = text.str.strip_chars().str.extract_groups(RFC_822)
    day, month, year, minutes, seconds, zone = (part.struct[i] for i in range(6))
    numbers = {m: f"{n:02}" for n, m in enumerate(MONTHS, 1)}
    month = month.str.to_lowercase().replace_strict(numbers, default=None, return_dtype=pl.String)
    century = pl.when(year.str.len_chars() == 4).then(pl.lit("")).when(year < "50").then(pl.lit("20")).otherwise(pl.lit("19"))
    offsets = {z: f"{h:+03}:00" for z, h in ZONES.items()}
    named = zone.str.to_uppercase().replace_strict(offsets, default=None, return_dtype=pl.String)
    numeric = zone.str.extract_groups(r"^([+-]\d\d)(\d\d)$")
    offset = pl.coalesce(named, numeric.struct[0] + ":" + numeric.struct[1], pl.when(zone.is_null()).then(pl.lit("")))
    clock = minutes.str.zfill(5) + seconds.fill_null(":00")
    read = century + year + "-" + month + "-" + day.str.zfill(2) + "T" + clock + offset
    return pl.coalesce(read, text)
