"""What one element of a DATEX II publication says, as values of columns: a site's measurements, or a site of a site table.

Documents, faults and payloads are `documents.datex2`.
"""

import re
from dataclasses import dataclass, field

from lxml import etree

from pipelines.formats.xml_documents import local, text_of, type_of

DATA, SITES = ("siteMeasurements", "elaboratedData"), ("measurementSiteRecord", "measurementSite")
DEFAULTS = ("timeDefault",)
ENVELOPES = ("d2LogicalModel", "messageContainer")
PUBLICATIONS = ("payloadPublication", "payload")
MEASURED = ("MeasuredDataPublication", "ElaboratedDataPublication", "MeasurementSiteTablePublication")

# element of a value -> its number, what kind of row it belongs to, and what is read of it
VALUES = {
    "vehicleFlow": ("vehicleFlowRate", "TrafficData", ("{*}vehicleFlowRate", "{*}dataError")),
    "averageVehicleSpeed": ("speed", "TrafficData", ("{*}speed", "{*}dataError")),
    "occupancy": ("percentage", "TrafficData", ("{*}percentage", "{*}dataError")),
    "travelTime": ("duration", "TravelTimeData", ("{*}duration", "{*}dataError")),
}
SITE = ("measurementSiteReference", "measurementSiteReference.version", "measurementTimeDefault", "timeMeaning")
DESCRIBED = ("latitude", "longitude", "vehicles", "specificMeasurementValueType")
ABOUT = ("type", "index", "specificLane", "period", "dataError", "numberOfInputValuesUsed")
COLUMNS = (*SITE, *ABOUT, *(v[0] for v in VALUES.values()), *DESCRIBED)
AT = {name: i for i, name in enumerate(COLUMNS)}
TIME, PERIOD, ERROR, USED = (AT[n] for n in ("measurementTimeDefault", "period", "dataError", "numberOfInputValuesUsed"))
KNOWN = ("TrafficFlow", "TrafficSpeed", "TrafficConcentration", "TravelTimeData", "")
OWN_TIME, OWN_PERIOD = "measurementOrCalculationTime", "measurementOrCalculationPeriod"
INDEXED = ("measuredValue", "physicalQuantity")
WITHIN = [f"{{*}}{n}" for n in (*INDEXED, "elaboratedData", "basicData", OWN_TIME, OWN_PERIOD, *VALUES)]
REFERENCES = ("{*}measurementSiteReference", "{*}predefinedLocationReference")
LANE = re.compile(r"(?:lane)?(\d{1,2})")


@dataclass
class Rows:
    """Rows of many documents; a value that is not there is None.

    Attributes:
        values: of each row, its values in the order of COLUMNS.
        element: of each row, which of its document's elements it comes from.
    """

    values: list[list[str | None]] = field(default_factory=list)
    element: list[int] = field(default_factory=list)

    def add(self, element: int, like: list[str | None], **values: str | None) -> list[str | None]:
        """A new row that says what another does, and this."""
        row = like.copy()
        for name, value in values.items():
            row[AT[name]] = value
        self.values.append(row)
        self.element.append(element)
        return row

    def column(self, name: str) -> list[str | None]:
        """All of one column; nothing, where there is none of this name."""
        at = AT.get(name)
        return [None] * len(self.values) if at is None else [row[at] for row in self.values]


class Reader:
    """Takes the elements of one document in their order."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.seen, self.enveloped, self.number = rows, list[str](), False, -1
        self.time: str | None = None
        self.meaning: dict[tuple[str, str], tuple[str | None, str, str | None]] = {}

    @property
    def foreign(self) -> str | None:
        """What the document is, where it is nothing that was measured; an envelope without content is nothing at all."""
        if any(s in MEASURED for s in self.seen) or (self.enveloped and not self.seen):
            return None
        return ", ".join(self.seen) or "no publication of DATEX II"

    def take(self, name: str, element: etree._Element) -> None:
        """One element: the beginning of a publication, or a whole site."""
        if name in PUBLICATIONS:
            self.seen.append(type_of(element) or name)
        elif name in ENVELOPES:
            self.enveloped = True
        elif name in DEFAULTS:
            self.time = _time(element)
        else:
            self.number += 1
            (self._measured if name in DATA else self._described)(element)

    def _measured(self, site: etree._Element) -> None:
        reference = next(site.iter(*REFERENCES), None)
        name = reference.get("id") if reference is not None else None
        default = next(site.iterchildren("{*}measurementTimeDefault"), None)
        site_row: list[str | None] = [None] * len(COLUMNS)
        site_row[: len(SITE)] = (
            name,
            reference.get("version") if reference is not None else None,
            _time(default) if default is not None else self.time,
            text_of(default, "timeMeaning") if default is not None else None,
        )
        about, current = _About(), dict[tuple, tuple[list[str | None], set[str]]]()
        for element in site.iter(*WITHIN):
            tag = local(element.tag)
            if tag in INDEXED or tag == "elaboratedData":
                if (index := element.get("index")) is not None:
                    about = _About(*self.meaning.get((name or "", index), (None, index, None)))
            elif tag == OWN_TIME:
                site_row[TIME] = _time(element)
            elif tag == OWN_PERIOD:
                about.period = text_of(element, OWN_PERIOD)
            elif tag == "basicData":
                if (kind := type_of(element)) not in KNOWN:
                    self.rows.add(self.number, site_row, type=kind, index=about.label, dataError="false")
            else:
                self._value(element, tag, about, site_row, current)

    def _value(self, element: etree._Element, tag: str, about: "_About", site_row: list[str | None], current: dict) -> None:
        column, kind, parts = VALUES[tag]
        value, wrong = None, False
        for child in element.iterchildren(*parts):
            text = (child.text or "").strip()
            if local(child.tag) == "dataError":
                wrong = text in ("true", "1")
            else:
                value = text or None
        key = (kind, about.label, about.lane)
        row, filled = current.get(key, (site_row, {column}))
        if column in filled:  # the same kind of value again is another row: journeys share a site and a time
            row = self.rows.add(self.number, site_row, type=kind, index=about.label, specificLane=about.lane, dataError="true")
            filled = set()
            current[key] = row, filled
        filled.add(column)
        row[PERIOD] = row[PERIOD] or about.period
        if not wrong:
            row[ERROR], row[AT[column]] = "false", value
        row[USED] = element.get("numberOfInputValuesUsed") or row[USED]

    def _described(self, site: etree._Element) -> None:
        """A site of a table: each of its indexes is a row, and is remembered for what is measured further on."""
        name: str | None = site.get("id")
        empty: list[str | None] = [None] * len(COLUMNS)
        shared = {
            "type": "MeasurementSite",
            "measurementSiteReference": name,
            "measurementSiteReference.version": site.get("version"),
            "latitude": text_of(site, "latitude"),
            "longitude": text_of(site, "longitude"),
        }
        indexed = [e for e in site.iter("{*}measurementSpecificCharacteristics") if e.get("index") is not None]
        for element in indexed:
            index = element.get("index", "")
            lane, label, period = self.meaning[name or "", index] = _meaning(element)
            told = {"index": index, "specificLane": lane, "period": period, "vehicles": label}
            kind = text_of(element, "specificMeasurementValueType")
            self.rows.add(self.number, empty, specificMeasurementValueType=kind, **told, **shared)
        if not indexed:
            self.rows.add(self.number, empty, **shared)


@dataclass
class _About:
    """What an index of a site stands for."""

    lane: str | None = None
    label: str | None = None
    period: str | None = None


def _meaning(element: etree._Element) -> tuple[str | None, str, str | None]:
    """Lane, vehicle class and period of an index; a lane without a number is part of the class."""
    lane = next(element.iter("{*}specificLane"), None)
    said = next((t.strip() for t in lane.itertext() if t.strip()), "") if lane is not None else ""
    number = LANE.fullmatch(said)
    vehicles = next(element.iter("{*}specificVehicleCharacteristics"), None)
    words = [t.strip() for t in vehicles.itertext() if t.strip()] if vehicles is not None else []
    label = " ".join([*([said] if said and not number else []), *(words or ["anyVehicle"])])
    return number.group(1) if number else None, label, text_of(element, "period")


def _time(element: etree._Element) -> str | None:
    """An instant: the element's text (version 2), or its timeValue (version 3)."""
    return text_of(element, "timeValue") or (element.text or "").strip() or None
