"""Districts: who lives in them, and where they end. What happens in them is the feeds'."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="districts",
    layer="reference",
    domain="city",
    version=1,
    doc=(
        "One district from one instant on, until a later row of the same one. Rows of feeds that say where something happened, "
        "but not in which district, get the district whose outline holds the place; one without an outline holds none."
    ),
    columns=(
        Column("district", "string", "district", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("name", "string", "name to show"),
        Column("population", "int", "people who live there", unit="people", minimum=0, maximum=100000000),
        Column("area_km2", "float", "area of land", unit="km2", minimum=0, maximum=1e6),
        Column(
            "polygon_wkt",
            "string",
            "outline as WKT POLYGON or MULTIPOLYGON, longitude before latitude, WGS 84",
            pattern=r"^\s*(?i:(MULTI)?POLYGON)\s*(?i:Z)?\s*\(.*\)\s*$",
        ),
    ),
    key=("district", "valid_from"),
    sources=("OGC 06-103r4, Simple Feature Access, part 1 (2011): well-known text", "RFC 7946, The GeoJSON Format (2016)"),
    wire={
        "geojson": {
            "columns": {
                "district": {"from": ["properties.district", "id", "properties.id", "properties.name"], "combine": "first"},
                # outlines seldom say since when they hold
                "valid_from": {"from": "properties.valid_from", "default": "2000-01-01T00:00:00Z"},
                "name": "properties.name",
                "population": "properties.population",
                "area_km2": "properties.area_km2",
                "polygon_wkt": "geometry",
            }
        }
    },
)
