"""Reference tables and limits as the rules of alerts see them: the rows that hold now, with the H3 cell of places.

They change slowly, and are looked up again once a minute.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import polars as pl

from assets.refine.places import cell
from assets.relations import thresholds
from schemas import registry
from schemas.city import City
from schemas.lake import Lake

THRESHOLDS = "thresholds"
LOOK_AGAIN = timedelta(seconds=60)


class References:
    """Some reference tables of a lake."""

    def __init__(self, lake: Lake, city: City, names: Iterable[str]) -> None:
        self._lake, self._city = lake, city
        self._every = {n: registry.references()[n].polars_schema() for n in sorted(set(names))}
        self.every = {n: pl.DataFrame(schema=s) for n, s in self._every.items()}
        self.holding: dict[str, pl.DataFrame] = {}
        self.limits: dict[str, float] = {}
        self._looked_at: datetime | None = None
        self._holds_until = datetime.max.replace(tzinfo=UTC)
        self._seen: dict[str, list[str]] = {}

    def look(self, now: datetime) -> bool:
        """Look the tables up where a minute has passed; whether anything changed."""
        if self._looked_at is not None and abs(now - self._looked_at) < LOOK_AGAIN:
            return False
        seen = {n: [f.path for f in self._lake.files("reference", n)] for n in (*self._every, THRESHOLDS)}
        is_same = seen == self._seen and self._looked_at is not None and self._looked_at <= now < self._holds_until
        self._seen, self._looked_at = seen, now
        if is_same:
            return False
        later = [datetime.max.replace(tzinfo=UTC)]
        for name, schema in self._every.items():
            scan = self._lake.scan("reference", name)
            found = pl.DataFrame(schema=schema) if scan is None else scan.collect()
            # a table that was loaded before its contract gained a column
            missing = [pl.lit(None, t).alias(c) for c, t in schema.items() if c not in found.columns]
            self.every[name] = found.with_columns(missing).select(*schema)
            self.holding[name] = self._placed(_holding(self.every[name], list(registry.references()[name].key), now))
            if "valid_from" in schema:
                later += self.every[name].filter(pl.col("valid_from") > now)["valid_from"].to_list()
        self._holds_until = min(later)
        self.limits = thresholds(self._lake)
        return True

    def _placed(self, rows: pl.DataFrame) -> pl.DataFrame:
        known = {"lat", "lon"} <= set(rows.columns)
        return rows.with_columns((cell(self._city.h3_resolution) if known else pl.lit(None, pl.String)).alias("h3_cell"))


def _holding(rows: pl.DataFrame, key: list[str], now: datetime) -> pl.DataFrame:
    """Of each thing the row that holds at an instant; before its first row, the first one."""
    if "valid_from" not in key:
        return rows
    of = [k for k in key if k != "valid_from"]
    began = rows.filter(pl.col("valid_from") <= now).sort("valid_from").unique(of, keep="last", maintain_order=True)
    later = rows.sort("valid_from").unique(of, keep="first", maintain_order=True).join(began, on=of, how="anti")
    return pl.concat([began, later])
