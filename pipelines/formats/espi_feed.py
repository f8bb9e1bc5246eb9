"""What an ESPI document says, entry by entry: readings as they came, and the resources that their links lead to.

Which readings are energy, and which wire columns they become, is said by documents/espi.py.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from pipelines.formats.xml_documents import local

RESOURCES = ("UsagePoint", "MeterReading", "ReadingType")
OF_READING = ("start", "duration", "value", "quality", "tou")
"""Elements of an IntervalReading that are read, at any depth (timePeriod, ReadingQuality)."""
OF_TYPE = ("uom", "powerOfTenMultiplier", "flowDirection", "accumulationBehaviour", "commodity", "intervalLength",
           "defaultQuality", "dataQualifier", "phase")  # fmt: skip
HOST = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*")
ROOTS = re.compile(r"(?:^|/)((?:RetailCustomer|User|Subscription|Batch/Subscription|UsagePoint|MeterReading|ReadingType)/.*)$")


@dataclass
class Entry:
    """One resource of the feed: its kind, its links, and what its element says."""

    kind: str
    links: dict[str, list[str]]
    says: dict[str, str] = field(default_factory=dict)

    @property
    def own(self) -> str | None:
        """Its address."""
        return next(iter(self.links["self"]), None)


@dataclass
class Feed:
    """The readings of one document, column by column, and its resources.

    Attributes:
        readings: texts of `OF_READING`; several qualities of a reading are joined by blanks.
        block: of each reading, the number of its block.
        block_of: entry of each block; None where it stands alone.
    """

    readings: dict[str, list[str | None]] = field(default_factory=lambda: {n: [] for n in OF_READING})
    block: list[int] = field(default_factory=list)
    block_of: list[Entry | None] = field(default_factory=list)
    entries: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    pending: list[int] = field(default_factory=list)

    def take(self, name: str, element: etree._Element) -> None:
        """Take an IntervalBlock, or the entry round it, which ends after it."""
        if name == "IntervalBlock":
            self._block(element)
            return
        links: dict[str, list[str]] = defaultdict(list)
        for link in element.iterchildren("{*}link"):
            links[link.get("rel", "")].append(address(link.get("href", "")))
        held = next((e for e in element.iter(*(f"{{*}}{r}" for r in RESOURCES))), None)
        entry = Entry("IntervalBlock" if held is None else local(held.tag), links)
        if held is not None:
            entry.says = {local(e.tag): (e.text or "").strip() for e in held.iter("{*}*")}
            self.entries[entry.kind].append(entry)
        for number in self.pending:
            self.block_of[number] = entry
        self.pending.clear()

    def _block(self, element: etree._Element) -> None:
        number, columns = len(self.block_of), self.readings
        self.block_of.append(None)
        self.pending.append(number)
        for reading in element.iterchildren("{*}IntervalReading"):
            said: dict[str, str] = {}
            for part in reading.iter("{*}*"):
                name, text = local(part.tag), (part.text or "").strip()
                if name == "ReadingQuality":
                    name = "quality"
                if text:
                    said[name] = f"{said[name]} {text}" if name == "quality" and name in said else text
            for name in OF_READING:
                columns[name].append(said.get(name))
            self.block.append(number)

    def types(self) -> list[tuple[str | None, str | None, dict[str, str]]]:
        """Of each block: the address of its usage point, that of its meter reading, and what its reading type says."""
        return [self._type(entry) for entry in self.block_of]

    def _type(self, block: Entry | None) -> tuple[str | None, str | None, dict[str, str]]:
        reading = self._parent(block, "MeterReading")
        point = self._parent(reading or block, "UsagePoint")
        reading_at = (reading.own if reading else None) or _within(block, "MeterReading")
        point_at = (point.own if point else None) or _within(reading, "UsagePoint") or _within(block, "UsagePoint")
        of_type: dict[str, str] = {}
        known = self.entries["ReadingType"]
        wanted = [a for e in (reading, block) if e for a in e.links["related"]]
        found = next((t for t in known if t.own in wanted), None)
        if found is None and not any("ReadingType" in a for a in wanted) and len(known) == 1:
            found = known[0]  # nobody says which, and there is only one
        if found is not None:
            of_type = {n: found.says[n] for n in OF_TYPE if found.says.get(n)}
        service = point.says.get("kind") if point else None
        return point_at, reading_at, of_type | ({"service": service} if service else {})

    def _parent(self, child: Entry | None, kind: str) -> Entry | None:
        known = self.entries[kind]
        if child is None:
            return known[0] if len(known) == 1 else None
        own, up = child.own or "", next(iter(child.links["up"]), "")
        for parent in known:
            related, at = parent.links["related"], parent.own
            if (at and (own.startswith(f"{at}/") or up.startswith(f"{at}/"))) or up in related or own in related:
                return parent
            if at and at in child.links["related"]:
                return parent
        return known[0] if len(known) == 1 and not (own or up) else None


def address(href: str) -> str:
    """A link's target without host, base path, query and slashes at its ends: the same whether it was absolute or relative."""
    path = HOST.sub("", href.strip()).split("?")[0].split("#")[0].strip("/")
    found = ROOTS.search(path)
    return found[1] if found else path


def _within(entry: Entry | None, kind: str) -> str | None:
    """The address of the resource of a kind that an entry's own address lies in."""
    ways: Iterable[str] = [a for rel in ("self", "up") for a in (entry.links[rel] if entry else [])]
    return next((m[0] for a in ways if (m := re.match(rf"^.*?\b{kind}/[^/]+", a))), None)
