"""DATEX II v2 publications of measured data, written from rows.

What was measured is the feeds' own business.
"""

import polars as pl

from pipelines.simulator.sent import stamped

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" modelBaseVersion="2"><exchange><supplierIdentification>'
    "<country>de</country><nationalIdentifier>CITY</nationalIdentifier></supplierIdentification></exchange>"
    '<payloadPublication xsi:type="MeasuredDataPublication" lang="en"><publicationTime>'
)
TABLE = '<measurementSiteTableReference targetClass="MeasurementSiteTable" id="T" version="1"/>'
TAIL = "</payloadPublication></d2LogicalModel>\n"
FLOW = ("TrafficFlow", "vehicleFlow", "vehicleFlowRate")
DURATION = ("TravelTimeData", "travelTime", "duration")


def publications(rows: pl.DataFrame, kind: tuple[str, str, str], name: str) -> pl.DataFrame:
    """Documents as `archives.Archives` takes them.

    Args:
        rows: received_s (of the document; those of one stand together), site, stamp_s, values (texts), errors.
            One row is a site at a time; its values are as many measurements.
        kind: data type, element of the value, element of the number.
    """
    data, value, number = kind
    each = pl.concat_str(
        pl.lit(f'<measuredValue index="1"><measuredValue><basicData xsi:type="{data}"><{value}>'),
        pl.when("error").then(pl.lit("<dataError>true</dataError>")).otherwise(pl.lit("")),
        pl.lit(f"<{number}>"), "value", pl.lit(f"</{number}></{value}></basicData></measuredValue></measuredValue>"),
    )  # fmt: skip
    sites = rows.with_columns(measured=each).group_by("received_s", "site", "stamp_s", maintain_order=True)
    texts = sites.agg(pl.col("measured").str.join(""), pl.len().alias("rows"))
    texts = texts.with_columns(
        text=pl.concat_str(
            pl.lit('<siteMeasurements><measurementSiteReference targetClass="MeasurementSiteRecord" id="'),
            "site",
            pl.lit('" version="1"/><measurementTimeDefault>'),
            stamped(),
            pl.lit("</measurementTimeDefault>"),
            "measured",
            pl.lit("</siteMeasurements>\n"),
        )
    )
    documents = texts.group_by("received_s", maintain_order=True).agg(pl.col("text").str.join(""), pl.col("rows").sum())
    published = pl.concat_str(pl.lit(HEAD), stamped("received_s"), pl.lit(f"</publicationTime>{TABLE}\n"), "text", pl.lit(TAIL))
    return documents.select(
        "received_s",
        name=pl.concat_str(pl.lit(f"{name}-"), "received_s"),
        body=published.cast(pl.Binary),
        rows=pl.col("rows").cast(pl.Int64),
    )
