"""A question in SQL from its text to an answer that can be read, on a connection closed around the files it needs.

How answers look is said in `answers`, what went wrong in `query_faults`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from schemas.errors import SettingsError

if TYPE_CHECKING:
    import duckdb

    from dagster_project.settings import Settings
    from schemas.column import Column
    from schemas.lake import Lake
    from schemas.past_lake import PastLake
    from schemas.tables import Named

OPTION = "--as-of"
ANSWER = "citylake_answer"


@dataclass(frozen=True)
class Asked:
    """A question that was understood.

    Attributes:
        columns: by place in the answer, the column of a contract that it comes straight from; None where it does not.
        past: which versions were asked, in words; empty of the lake as it is.
    """

    answer: "duckdb.DuckDBPyRelation"
    columns: tuple["Column | None", ...]
    past: str


@contextmanager
def asked(settings: "Settings", sql: str, as_of: str | None) -> Iterator[Asked]:
    """Open the views that a question needs, seal them, and understand it.

    Raises:
        CitylakeError: what is wrong with the question, and what to do; also while the answer is read.
    """
    import duckdb

    from assets import sealed
    from assets import views_of_lake as views
    from assets.quality_views import add_quality
    from dagster_project.cli import query_faults, straight

    tables = views.asked(sql)
    lake = at(settings, as_of, tables)
    con, uris = views.open_views(lake, tables)
    with con:
        try:
            uris += add_quality(con, lake, settings.city, "" if views.asks_what_there_is(sql) else sql)
            sealed.seal(con, uris)
            sealed.only_reads(con, sql)
            # files on S3 are read by Python: a stream of DuckDB's, which keeps the interpreter's lock, waits for them for ever
            if settings.lake.options is not None and sealed.is_select(con, sql):
                con.execute(f"CREATE TEMP TABLE {ANSWER} AS {sql}")
                answer = con.sql(f"FROM temp.{ANSWER}")
            else:
                answer = con.sql(sql)
            yield Asked(answer, straight.columns(con, sql, answer.columns), told(lake, tables, settings.city.zone))
        except duckdb.Error as error:
            raise query_faults.explained(str(error), sql, tables) from error


def at(settings: "Settings", as_of: str | None, tables: Sequence["Named"]) -> "Lake":
    """The lake as it is, or as it was."""
    from schemas.past_lake import PastLake

    if as_of is None:
        return settings.lake
    when = instant(as_of, settings.city.zone)
    if isinstance(when, int) and len(tables) != 1:
        found = f"version {when} of {len(tables)} tables" if tables else "a version of no table"
        raise SettingsError(OPTION, found, "versions are each table's own: name one table, or an instant")
    return PastLake(settings.lake.root, when)


def instant(text: str, zone: str) -> datetime | int:
    """A version, or an instant; one without a zone is the city's.

    Raises SettingsError where it is neither, does not exist or comes twice in that zone, or is yet to come.
    """
    if text.isdecimal() and len(text) < 10:
        return int(text)
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            OPTION, f"{text!r} is no instant and no version", "write 2026-06-01T12:00, 2026-06-01T10:00Z, or 17"
        ) from error
    if when.tzinfo is None:
        first, second = (when.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
        if first.utcoffset() != second.utcoffset():
            how = f"write it with its offset, such as {text}+00:00"
            raise SettingsError(OPTION, f"the clocks of {zone} change at {text}: it is no one instant", how)
        when = first
    if when > datetime.now(when.tzinfo):
        raise SettingsError(OPTION, f"{text} is yet to come", "leave it out for the lake as it is")
    return when


def told(lake: "Lake | PastLake", tables: Sequence["Named"], zone: str) -> str:
    """Which versions of a past lake were asked, and of when they are; empty of the lake as it is."""
    found = getattr(lake, "found", None)
    if found is None or not tables:
        return ""
    told = []
    for table in tables:
        version = found.get((table.layer, table.name))
        of = f"{version.at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S%z}" if version else ""
        told.append(f"{table.title} version {version.number} of {of}" if version else f"{table.title} was not there yet")
    return "as it was: " + "; ".join(told)
