"""Districts: who lives in them, and where they end. What happens in them is the feeds'."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="districts",
    layer="reference",
    domain="city",
    version=1,
    doc="One district from one instant on, until a later row of the same one.",
    columns=(
        Column("district", "string", "district", nullable=False, pattern=IDENTIFIER),
        Column("valid_from", "instant", "from when the row holds", nullable=False),
        Column("name", "string", "name to show"),
        Column("population", "int", "people who live there", unit="people", minimum=0, maximum=100000000),
        Column("area_km2", "float", "area of land", unit="km2", minimum=0, maximum=1e6),
        Column("polygon_wkt", "string", "outline as WKT POLYGON or MULTIPOLYGON, longitude before latitude, WGS 84"),
    ),
    key=("district", "valid_from"),
)
