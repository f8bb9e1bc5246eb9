"""GTFS Schedule: what a feed's zip says of its trips, as rows of one `type`: `stop_times` or `services`.

`stop_times`: a stop of a trip, with the trip's route, direction and service. `services`: a service on a date, from calendar.txt
and calendar_dates.txt, with `starts_at`, noon minus 12 h of that date in the agency's zone, from which its times are counted.
Wire names are GTFS's own, and `arrival_s`, `departure_s`, `publisher`, `valid_from`. Trips of frequencies.txt have no times of
their own and are left out. Shapes, fares and names of stops do not belong here.
"""

import io
import zipfile
import zlib
from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl

from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.lines import Lines
from pipelines.sources.source import Source
from schemas.contract import Contract
from schemas.rejection import Code

ARCHIVES = True
MEMBER_BYTES = 4 << 30
BROKEN = (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError, pl.exceptions.PolarsError)
TIME = r"^\s*(\d{1,3}):([0-5]\d):([0-5]\d)\s*$"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DATE = "%Y%m%d"


class _Unfit(Exception):
    """A feed that is none, said in one line."""


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """The rows of each feed. A feed of which a file is missing or broken is one row refused."""
    make = {"stop_times": _stop_times, "services": _services}.get(source.type or "", _stop_times)
    frames, refused, of, first = [], [], [], 0
    for number, raw in enumerate(documents.raw()):
        try:
            frame = _of_feed(raw, make)
        except (_Unfit, *BROKEN) as error:
            code = Code.OVER_LIMIT if isinstance(error, _Unfit) and "bytes" in str(error) else Code.MALFORMED
            at = pl.Series([first], dtype=pl.Int64)
            refused.append(faults(at, code, "a GTFS feed in a zip", " ".join(str(error).split())[:200]))
            of.append(np.array([number]))
            first += 1
            continue
        frames.append(
            frame.with_columns(pl.int_range(first, first + frame.height, dtype=pl.Int64, eager=True).alias("_position"))
        )
        of.append(np.full(frame.height, number))
        first += frame.height

    def payloads(positions: pl.Series) -> pl.Series:
        rows = [f.filter(pl.col("_position").is_in(positions.implode())) for f in frames]
        shown = [
            r.select("_position", pl.struct(pl.all().exclude("_position")).struct.json_encode().alias("payload")) for r in rows
        ]
        none = pl.DataFrame(schema={"_position": pl.Int64, "payload": pl.String})
        asked = positions.cast(pl.Int64).rename("_position").to_frame()
        return asked.join(pl.concat([none, *shown]), on="_position", how="left", maintain_order="left")["payload"].fill_null("")

    told = pl.concat(refused) if refused else faults(pl.Series([], dtype=pl.Int64), Code.MALFORMED, "")
    return Decoded(tuple(frames), told, payloads, np.concatenate(of) if of else np.empty(0, np.int64))


def _of_feed(raw: bytes, make: Callable[[zipfile.ZipFile, pl.DataFrame], pl.DataFrame]) -> pl.DataFrame:
    with zipfile.ZipFile(io.BytesIO(raw)) as feed:
        days = _days(feed)
        return make(feed, days).with_columns(
            pl.lit(_publisher(feed)).alias("publisher"),
            pl.lit(_starts(feed, days), pl.Datetime("us", "UTC")).alias("valid_from"),
            pl.lit("stop_times" if make is _stop_times else "services").alias("type"),
        )


def _table(feed: zipfile.ZipFile, name: str, *wanted: str, optional: bool = False) -> pl.DataFrame:
    """A file of the feed as texts; columns it does not have are empty."""
    found = next((m for m in feed.infolist() if m.filename == name), None)
    if found is None:
        if optional:
            return pl.DataFrame(schema=dict.fromkeys(wanted, pl.String()))
        raise _Unfit(f"there is no {name}")
    if found.file_size > MEMBER_BYTES:
        raise _Unfit(f"{name} has {found.file_size} bytes")
    text = feed.read(found).removeprefix(b"\xef\xbb\xbf")
    if not text.strip():
        return pl.DataFrame(schema=dict.fromkeys(wanted, pl.String()))
    frame = pl.read_csv(text, infer_schema=False, truncate_ragged_lines=True)
    frame.columns = [c.strip() for c in frame.columns]
    held = [
        pl.col(w).str.strip_chars().replace("", None) if w in frame.columns else pl.lit(None, pl.String).alias(w) for w in wanted
    ]
    return frame.select(held)


def _stop_times(feed: zipfile.ZipFile, _: pl.DataFrame) -> pl.DataFrame:
    stops = _table(feed, "stop_times.txt", "trip_id", "stop_sequence", "stop_id", "arrival_time", "departure_time", "timepoint")
    trips = _table(feed, "trips.txt", "trip_id", "route_id", "direction_id", "service_id")
    repeated = _table(feed, "frequencies.txt", "trip_id", optional=True)
    rows = stops.join(repeated, on="trip_id", how="anti", maintain_order="left")
    rows = rows.join(trips.unique("trip_id", keep="first"), on="trip_id", how="left", maintain_order="left")
    return rows.with_columns(_seconds("arrival_time").alias("arrival_s"), _seconds("departure_time").alias("departure_s"))


def _seconds(name: str) -> pl.Expr:
    """H:MM:SS, of any number of hours, as seconds; another text as it is, so that it is refused where it is read."""
    parts = pl.col(name).str.extract_groups(TIME).struct
    hours, minutes, seconds = (parts.field(str(i)).cast(pl.Int64) for i in (1, 2, 3))
    return pl.coalesce((hours * 3600 + minutes * 60 + seconds).cast(pl.String), pl.col(name))


def _services(_: zipfile.ZipFile, days: pl.DataFrame) -> pl.DataFrame:
    return days.with_columns(pl.col("service_date").dt.to_string(DATE))


def _days(feed: zipfile.ZipFile) -> pl.DataFrame:
    """Each service on each date it runs."""
    weeks = _table(feed, "calendar.txt", "service_id", "start_date", "end_date", *DAYS, optional=True)
    moved = _table(feed, "calendar_dates.txt", "service_id", "date", "exception_type", optional=True)
    first, last = pl.col("start_date").str.to_date(DATE), pl.col("end_date").str.to_date(DATE)
    runs = (
        weeks.with_columns(pl.date_ranges(first, last).alias("service_date")).explode("service_date").drop_nulls("service_date")
    )
    runs = runs.with_columns(weekday=pl.col("service_date").dt.weekday())
    runs = runs.filter(pl.any_horizontal((pl.col("weekday") == i + 1) & (pl.col(d) == "1") for i, d in enumerate(DAYS)))
    moved = moved.with_columns(pl.col("date").str.to_date(DATE).alias("service_date"))
    key = ["service_id", "service_date"]
    added, removed = (moved.filter(pl.col("exception_type") == t).select(key) for t in ("1", "2"))
    dates = pl.concat([runs.select(key), added]).unique().join(removed, on=key, how="anti").sort(key)
    if dates.is_empty():
        raise _Unfit("no service runs on any day (calendar.txt, calendar_dates.txt)")
    return dates.with_columns(_starts_at(pl.col("service_date"), _zone(feed)).alias("starts_at"))


def _starts_at(day: pl.Expr, zone: str) -> pl.Expr:
    """Noon minus 12 h: midnight, but for days on which the clocks change."""
    noon = day.cast(pl.Datetime("us")).dt.offset_by("12h").dt.replace_time_zone(zone)
    return noon.dt.convert_time_zone("UTC") - timedelta(hours=12)


def _zone(feed: zipfile.ZipFile) -> str:
    zones = _table(feed, "agency.txt", "agency_timezone")["agency_timezone"].drop_nulls()
    if zones.is_empty():
        raise _Unfit("agency.txt names no agency_timezone")
    return zones[0]


def _publisher(feed: zipfile.ZipFile) -> str:
    told = _table(feed, "feed_info.txt", "feed_publisher_name", optional=True)["feed_publisher_name"].drop_nulls()
    names = _table(feed, "agency.txt", "agency_name")["agency_name"].drop_nulls() if told.is_empty() else told
    return names[0] if names.len() else "unknown"


def _starts(feed: zipfile.ZipFile, days: pl.DataFrame) -> object:
    """From when the feed holds: the start it declares, or else its first day of service."""
    told = _table(feed, "feed_info.txt", "feed_start_date", optional=True)["feed_start_date"].drop_nulls()
    if told.is_empty():
        return days["starts_at"].min()
    return told.to_frame().select(_starts_at(pl.col("feed_start_date").str.to_date(DATE), _zone(feed))).item(0, 0)
