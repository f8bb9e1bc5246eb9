"""Thresholds: every limit a metric judges by, with the source and edition that set it.

The defaults are in thresholds.csv beside this file; a city replaces rows by naming its own file.
"""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract

CONTRACT = Contract(
    name="thresholds",
    layer="reference",
    domain="city",
    version=1,
    doc="One limit, its value and where it is written.",
    columns=(
        Column("name", "string", "name, as the metrics' SQL asks for it", nullable=False, pattern=IDENTIFIER),
        Column("value", "float", "the limit", nullable=False),
        Column("unit", "string", "unit of the limit", nullable=False),
        Column("source", "string", "standard or paper", nullable=False),
        Column("edition", "string", "edition, year or section", nullable=False),
    ),
    key=("name",),
)
