"""Columns of what stands or happens somewhere, said once.

What a single table says beside them is in reference/<name>.py and feeds/<name>.py.
"""

from schemas.column import Column

DISTRICT = Column("district", "string", "district it stands in", default="unknown", nullable=False)
LAT = Column("lat", "float", "latitude, WGS 84", unit="deg", minimum=-90, maximum=90)
LON = Column("lon", "float", "longitude, WGS 84", unit="deg", minimum=-180, maximum=180)


def clock_offset(of: str = "the") -> Column:
    """By how much the clock of a device is wrong, which refining puts right."""
    return Column(
        "clock_offset_s",
        "int",
        f"seconds by which {of} clock runs ahead",
        unit="s",
        default=0,
        nullable=False,
        minimum=-86400,
        maximum=86400,
    )
