"""Texts and numbers become UTC instants: ISO 8601, epochs, patterns, wall clocks of a zone.

Which column holds a time, and whether it is plausible, is not decided here.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

import polars as pl

from pipelines.sources.source import EPOCHS

Ambiguous = Literal["earliest", "latest", "raise", "null"]
BEFORE = timedelta(hours=1)
"""A time of day without a date that lies at most this before what it follows is that, and no time of the next day."""
YEARS_68_TO_10000_US = (-6.0e16, 2.53e17)


@dataclass(frozen=True)
class Clock:
    """How a source writes time.

    Attributes:
        format: "iso", an epoch of `EPOCHS`, or a strftime pattern.
        zone: IANA zone of times without an offset.
        ambiguous: which of the two instants a doubled wall-clock hour means, or "reject".
        nonexistent: "reject" a skipped wall-clock hour, or "shift" it on by the hour that was skipped.
    """

    format: str = "iso"
    zone: str = "UTC"
    ambiguous: Literal["earliest", "latest", "reject"] = "reject"
    nonexistent: str = "reject"

    def instants(self, values: pl.Series) -> pl.Series:
        """UTC instants of a column of texts, numbers or timestamps; null where a value cannot be read."""
        if isinstance(values.dtype, pl.Datetime):
            at = values.cast(pl.Datetime("us", values.dtype.time_zone))
            return at.dt.convert_time_zone("UTC") if values.dtype.time_zone else self.settled(at)
        if self.format in EPOCHS:
            return self._epoch(values)
        texts = values.cast(pl.String)
        if self._day_in:
            return self.settled(self._days_and_times(texts))
        return self._iso(texts) if self.format == "iso" else self._pattern(texts)

    def instants_after(self, values: pl.Series, anchors: pl.Series) -> pl.Series:
        """UTC instants of times of day ("23:59:30") that follow an instant; values that tell their date keep it.

        A time belongs to the day on which the zone's clock shows it from an hour before the anchor to 23 hours after it. Where
        that clock shows it twice, the one nearest to the anchor is meant.
        """
        dated = pl.Series(values.name, [None], dtype=pl.Datetime("us", "UTC")).new_from_index(0, values.len())
        if values.dtype.is_temporal() or self.format == "iso" or any(d in self.format for d in ("%d", "%j", "%F", "%D")):
            dated = self.instants(values)
        begin = anchors.dt.convert_time_zone(self.zone).dt.replace_time_zone(None) - BEFORE
        since_midnight = self.times_of_day(values).cast(pl.Duration("us"))
        wall = begin.dt.truncate("1d") + since_midnight
        wall = (wall + timedelta(days=1)).zip_with((wall < begin).fill_null(False), wall)
        first, second = (replace(self, ambiguous=a).settled(wall) for a in ("earliest", "latest"))
        found = first.zip_with(((first - anchors).abs() <= (second - anchors).abs()).fill_null(False), second)
        return dated.zip_with(dated.is_not_null(), found)

    def times_of_day(self, values: pl.Series) -> pl.Series:
        """Times of day of texts as HH:MM[:SS[.f]], or by a pattern without a date; null where a value is none."""
        if values.dtype == pl.Time:
            return values
        texts = values.cast(pl.String)
        if self.format != "iso":
            return texts.str.to_time(self.format, strict=False)
        full = texts.str.to_time("%H:%M:%S%.f", strict=False)
        return full.zip_with(full.is_not_null(), texts.str.to_time("%H:%M", strict=False))

    def wall_clock(self, texts: pl.Series) -> pl.Series:
        """The times as written, where they carry no offset."""
        if isinstance(texts.dtype, pl.Datetime):
            return texts.dt.replace_time_zone(None)
        if self.format == "iso":
            return _naive_iso(texts.cast(pl.String))
        if self._day_in:
            return self._days_and_times(texts.cast(pl.String))
        if self.format in EPOCHS or "%z" in self.format:
            return pl.Series(texts.name, [None] * texts.len(), pl.Datetime("us"))
        return texts.cast(pl.String).str.to_datetime(self.format, time_unit="us", strict=False)

    def days(self, values: pl.Series) -> pl.Series:
        """Calendar days of texts (2026-05-01, 20260501 or the pattern) or timestamps; null where a value is none."""
        if values.dtype.is_temporal():
            return values.cast(pl.Date)
        texts = values.cast(pl.String)
        if self.format != "iso":
            return texts.str.to_date(self.format, strict=False)
        dashed = texts.str.to_date("%Y-%m-%d", strict=False)
        return dashed.zip_with(dashed.is_not_null(), texts.str.to_date("%Y%m%d", strict=False))

    @property
    def _day_in(self) -> str:
        """The epoch that tells the day of a time of day beside it, such as "epoch_s" of "epoch_s %H:%M"."""
        epoch, blank, _ = self.format.partition(" ")
        return epoch if blank and epoch in EPOCHS else ""

    def _days_and_times(self, texts: pl.Series) -> pl.Series:
        """Wall-clock times of texts such as "1420156800 09:41": the UTC day of an epoch, then the time of day by the clock."""
        parts = texts.str.splitn(" ", 2)
        days = replace(self, format=self._day_in).instants(parts.struct.field("field_0")).dt.date()
        times = parts.struct.field("field_1").str.to_time(self.format.partition(" ")[2], strict=False)
        both = pl.DataFrame({"day": days, "time": times})
        return both.select(pl.col("day").dt.combine(pl.col("time")).alias(texts.name)).to_series()

    def _epoch(self, values: pl.Series) -> pl.Series:
        number = values.cast(pl.Float64, strict=False) * EPOCHS[self.format]
        low, high = YEARS_68_TO_10000_US
        inside = number.is_between(low, high) & number.is_finite()
        return number.set(~inside.fill_null(False), None).cast(pl.Int64).cast(pl.Datetime("us", "UTC"))

    def _pattern(self, texts: pl.Series) -> pl.Series:
        if "%z" in self.format or self.format.endswith("Z"):
            return texts.str.to_datetime(self.format, time_unit="us", time_zone="UTC", strict=False)
        return self.settled(texts.str.to_datetime(self.format, time_unit="us", strict=False))

    def _iso(self, texts: pl.Series) -> pl.Series:
        # the common form alone parses three times faster; the others read only what it leaves
        at = texts.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC", strict=False)
        if at.null_count() == texts.null_count():
            return at
        left = at.is_null() & texts.is_not_null()
        rest = texts.filter(left)
        offset = rest.str.replace(" ", "T", literal=True).str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
        if offset.null_count():
            offset = offset.zip_with(offset.is_not_null(), self.settled(_naive_iso(rest)))
        return at.scatter(left.arg_true(), offset)

    def settled(self, naive: pl.Series) -> pl.Series:
        """Wall-clock times of the zone as instants; null for a skipped hour that is not shifted."""
        ambiguous: Ambiguous = "null" if self.ambiguous == "reject" else self.ambiguous
        at = naive.dt.replace_time_zone(self.zone, ambiguous=ambiguous, non_existent="null")
        if self.nonexistent == "shift" and at.null_count() > naive.null_count():
            hour = timedelta(hours=1)
            before = (naive - hour).dt.replace_time_zone(self.zone, ambiguous=ambiguous, non_existent="null")
            at = at.zip_with(at.is_not_null(), before + hour)
        return at.dt.convert_time_zone("UTC")


def _naive_iso(texts: pl.Series) -> pl.Series:
    plain = texts.str.replace(" ", "T", literal=True)
    full = plain.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    if full.null_count() == texts.null_count():
        return full
    minutes = plain.str.to_datetime("%Y-%m-%dT%H:%M", time_unit="us", strict=False)
    return full.zip_with(full.is_not_null(), minutes)
