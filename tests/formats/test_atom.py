"""Feeds of entries, written from RFC 4287, RSS 2.0 and GeoRSS: names, places, times, repeats between polls, hostile XML."""

import pytest

from assets.refined import refine
from tests.formats.decoding import read
from tests.landing.driver import Inbox

WIRES = ["id", "title", "category", "published", "updated", "point.lat", "point.lon"]
ATOM = 'xmlns="http://www.w3.org/2005/Atom" xmlns:georss="http://www.georss.org/georss" xmlns:gml="http://www.opengis.net/gml"'
GEO = 'xmlns:geo="http://www.w3.org/2003/01/geo/wgs84_pos#" xmlns:dc="http://purl.org/dc/elements/1.1/"'


def feed(*entries: str) -> str:
    return f"<feed {ATOM}><title>Calls</title><id>f</id>{''.join(entries)}</feed>"


def entry(number: int, inside: str = "", time: str = "2026-05-01T06:00:00Z") -> str:
    return f"<entry><id>i{number}</id><title>Alarm</title><published>{time}</published>{inside}</entry>"


def rss(*items: str) -> str:
    return f'<rss version="2.0" {GEO}><channel><title>Calls</title><link>x</link>{"".join(items)}</channel></rss>'


def asked(*parts: str | bytes, wires: list[str] = WIRES):
    return read("emergency_calls", "atom", wires, *parts)


def one(document: str, *wires: str) -> tuple:
    found = asked(document, wires=list(wires))
    assert found.codes == []
    return found.wire.drop("_position").row(0)


def test_entries_of_atom_in_the_order_of_the_documents() -> None:
    found = asked(feed(entry(1), entry(2)), feed(), f"<entry {ATOM}><id>i3</id></entry>")
    assert found.column("id") == ["i1", "i2", "i3"]
    assert found.codes == []


def test_names_of_rss_are_those_of_atom() -> None:
    item = (
        "<item><guid>g</guid><title>A</title><category>FIRE</category><pubDate>Fri, 01 May 2026 08:00:00 +0200</pubDate></item>"
    )
    assert one(rss(item), *WIRES[:4]) == ("g", "A", "FIRE", "2026-05-01T08:00:00+02:00")
    rdf = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" '
        f'{GEO}><item rdf:about="u"><title>A</title><dc:date>2026-05-01T06:00Z</dc:date></item></rdf:RDF>'
    )
    assert one(rdf, "id", "published") == ("u", "2026-05-01T06:00Z")


def test_children_attributes_and_extensions_by_name() -> None:
    inside = '<category term="F" label="Fire"/><category term="second"/><link href="https://a.example/1"/>'
    inside += '<cad:units xmlns:cad="urn:cad">E1 E2</cad:units><title xmlns="urn:other">not this one</title>'
    names = ("category", "category.label", "link", "units", "units.none", "title", "nothing", "a b.c d")
    assert one(feed(entry(1, inside)), *names) == ("F", "Fire", "https://a.example/1", "E1 E2", None, "Alarm", None, None)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("<georss:point>52.5 13.4</georss:point>", ("52.5", "13.4")),
        ("<georss:point> 52.5, 13.4 </georss:point>", ("52.5", "13.4")),
        ("<georss:where><gml:Point><gml:pos>52.5 13.4</gml:pos></gml:Point></georss:where>", ("52.5", "13.4")),
        (f"<geo:lat {GEO}>52.5</geo:lat><geo:long {GEO}>13.4</geo:long>", ("52.5", "13.4")),
        ("<georss:line>52.5 13.4 52.6 13.5</georss:line>", (None, None)),
        ("<georss:where><gml:LinearRing><gml:pos>1 2</gml:pos></gml:LinearRing></georss:where>", (None, None)),
        ("<georss:point/>", (None, None)),
        ("<georss:point>52.5</georss:point>", ("no pair: 52.5", "no pair: 52.5")),
    ],
)
def test_a_place_is_a_point(place: str, expected: tuple) -> None:
    assert one(feed(entry(1, place)), "point.lat", "point.lon") == expected


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("Fri, 01 May 2026 08:00:00 GMT", "2026-05-01T08:00:00+00:00"),
        ("1 May 26 8:00 EDT", "2026-05-01T08:00:00-04:00"),
        ("01 MAY 1999 08:00:00 -0930", "1999-05-01T08:00:00-09:30"),
        ("Fri, 01 May 2026 08:00:00", "2026-05-01T08:00:00"),
        ("Fri, 01 May 2026 08:00:00 QQT", "Fri, 01 May 2026 08:00:00 QQT"),
        ("1 Mai 2026 08:00", "1 Mai 2026 08:00"),
        ("2026-05-01T08:00:00Z", "2026-05-01T08:00:00Z"),
    ],
)
def test_times_of_rss(said: str, means: str) -> None:
    assert one(rss(f"<item><title>A</title><pubDate>{said}</pubDate></item>"), "published") == (means,)


def test_one_broken_document_costs_itself_and_keeps_what_came_before() -> None:
    whole = feed(entry(1), entry(2))
    cut = feed(entry(3), entry(4))[:-30]
    found = asked(whole, cut, "<html><item>x</item></html>", b"\xff\xfe\x00nothing", "", feed(entry(5)))
    assert found.column("id") == ["i1", "i2", "i3", "i5"]
    assert set(found.codes) == {"malformed"} and len(found.codes) == 4
    assert found.payload(3) == cut
    assert "<id>i2</id>" in found.payload(1) and "<id>i5</id>" in found.payload(7)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused(encoding: str) -> None:
    bomb = '<!DOCTYPE feed [<!ENTITY a SYSTEM "file:///etc/hostname">]>' + feed(entry(1, "<category term='x'/>&a;"))
    found = asked((f'<?xml version="1.0" encoding="{encoding}"?>' + bomb).encode(encoding))
    assert (found.wire.height, found.codes) == (0, ["malformed"])


def test_two_polls_of_a_rolling_feed_share_entries(inbox: Inbox) -> None:
    inbox.put("1.xml", feed(entry(1), entry(2, "<category term='FIRE'/>"), entry(3)))
    inbox.put("2.xml", feed(entry(2, "<category term='FIRE'/><updated>2026-05-01T06:09:00Z</updated>"), entry(3), entry(4)))
    inbox.land("emergency_calls", uri="*.xml", format="atom")
    assert inbox.raw("emergency_calls").height == 6
    (done,) = refine(inbox.lake, inbox.city, "emergency_calls")
    assert (done.taken, done.kept, done.repeated, done.superseded) == (6, 4, 2, 0)
