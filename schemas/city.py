"""Which city it is: its name, clock and hexagon size; and the local day of an instant.

No path, no feed and no source: those are the lake's and the settings'.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import polars as pl

from schemas.errors import SettingsError


@dataclass(frozen=True)
class City:
    """A city.

    Attributes:
        name: as people write it.
        zone: IANA time zone; it decides which day an event belongs to.
        h3_resolution: 0..15; 9 is about 0.1 km2 a cell (Uber H3 4.x, table of cell areas).
    """

    name: str
    zone: str
    h3_resolution: int = 9

    def __post_init__(self) -> None:
        if self.zone not in available_timezones():
            raise SettingsError("[city] time_zone", f"{self.zone!r} is not an IANA zone", "write one such as 'Europe/Berlin'")
        if not 0 <= self.h3_resolution <= 15:
            raise SettingsError("[city] h3_resolution", f"{self.h3_resolution} is outside 0..15", "use 9 if unsure")

    def local(self, instant: pl.Expr) -> pl.Expr:
        """The wall-clock time of a UTC instant."""
        return instant.dt.convert_time_zone(self.zone).dt.replace_time_zone(None)

    def day(self, instant: pl.Expr) -> pl.Expr:
        """The local day of a UTC instant; a DST day has 23 or 25 hours."""
        return instant.dt.convert_time_zone(self.zone).dt.date()

    def day_start(self, day: date) -> datetime:
        """The instant at which a local day begins."""
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone))

    def day_seconds(self, day: date) -> int:
        """Seconds in a local day: 86400, or 82800 and 90000 when the clocks change."""
        start, end = self.day_start(day), self.day_start(day + timedelta(days=1))
        return round(end.timestamp() - start.timestamp())
