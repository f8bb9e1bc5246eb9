"""`citylake alerts`: what is alarming in the city, and what was; listed, or followed while it happens.

Alerts are raised by `citylake stream` and by nothing else; nothing is judged here.
"""

import json
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dagster_project.cli import options
from dagster_project.cli.options import ConfigOption, LakeOption

if TYPE_CHECKING:
    import polars as pl

    from assets.alarm_book import Book

STYLES = {"critical": "red", "warning": "yellow", "info": ""}
POLL_S = 1.0
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
SHOWN = ("opened", "closed", "severity", "rule", "message")
WIDE = 100
"""Columns of a terminal from which there is room for the rule; the message tells it in words."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.LOOK)(alerts)


def alerts(
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Closed ones since then: 30m, 24h, 7d or 2026-06-01. Default 24h."),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="RULE", help="Only of this rule; may be given again.")
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are open.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on: a line for each change, as it comes.")] = False,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --follow, a line of JSON for each change.")] = False,
) -> None:
    """List alerts, the open ones first; --follow goes on with every change. `citylake stream` raises them."""
    from assets.alarm_book import Book
    from assets.alarm_rules import rules
    from dagster_project.cli.terminal import print_json, say

    rules(rule)  # refuses a name that no rule has
    settings = options.opened(config, lake)
    zone, book = settings.city.zone, Book(settings.lake, settings.city)
    begin = moment(since or "24h", datetime.now(UTC), zone)
    last = book.last()
    rows = book.every()
    if not (follow and as_json):
        found = [r for r in summed(rows, rule or ()) if r["closed_at"] is None or (not only_open and r["closed_at"] >= begin)]
        if as_json:
            print_json(found)
        elif found:
            _print_list(found, zone)
        else:
            say("No alert is open." if only_open else "No alert is open, and none was closed since then.")
    if follow:
        with suppress(KeyboardInterrupt):  # that is how one stops to follow
            _follow(book, last, set(rule or ()), as_json, zone, only_open)


def moment(text: str, now: datetime, zone: str) -> datetime:
    """An instant given as a span back from now (30m, 24h, 7d), or as a local day or time."""
    from zoneinfo import ZoneInfo

    from schemas.errors import SettingsError

    if text[:-1].isdigit() and text[-1] in UNITS and len(text) < 9:
        return now - timedelta(seconds=int(text[:-1]) * UNITS[text[-1]])
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            "--since", f"{text!r} is no time", "write one as 30m, 24h, 7d, 2026-06-01 or 2026-06-01T08:00"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))


def summed(rows: "pl.DataFrame", of_rules: Any) -> list[dict[str, Any]]:
    """A row per alert: as it was opened, and when it closed; open ones first, then the latest."""
    out: dict[str, dict[str, Any]] = {}
    for row in rows.to_dicts():  # in the order of their numbers: opened, then closed
        if of_rules and row["rule"] not in of_rules:
            continue
        told = {k: v for k, v in row.items() if k not in ("event_date", "number", "raised_at")}
        seen = out.setdefault(row["alert_id"], {"raised_at": row["raised_at"]})
        seen |= told | {"causes": json.loads(row["causes"])}
    return sorted(out.values(), key=lambda r: (r["closed_at"] is None, r["raised_at"]), reverse=True)


def _print_list(found: list[dict[str, Any]], zone: str) -> None:
    from dagster_project.cli.terminal import console, print_table

    still, now = sum(r["closed_at"] is None for r in found), datetime.now(UTC)
    rows = [
        {
            "opened": _clock(r["raised_at"], zone, now),
            "closed": _clock(r["closed_at"], zone, now) if r["closed_at"] else "open",
            "severity": r["severity"],
            "rule": r["rule"],
            "message": r["message"],
        }
        for r in found
    ]
    title = f"{still} open, {len(found) - still} closed (times of {zone})"
    shown = [c for c in SHOWN if c != "rule" or console().width >= WIDE]
    print_table(rows, shown, title, lambda r: STYLES[r["severity"]] if r["closed"] == "open" else "dim", wrap=("message",))


def _follow(book: "Book", number: int, of_rules: set[str], as_json: bool, zone: str, only_open: bool) -> None:
    """A line per change, until interrupted."""
    from dagster_project.cli.terminal import complain
    from schemas.errors import LakeError

    failing = ""
    while True:
        try:
            rows = book.since(number).to_dicts()
            failing = ""
        except LakeError as error:  # storage that is away comes back
            rows = []
            if str(error) != failing:
                failing = str(error)
                complain(error)
        for row in rows:
            number = row["number"]
            if (not of_rules or row["rule"] in of_rules) and not (only_open and row["state"] == "closed"):
                _print_line(row, as_json, zone)
        time.sleep(POLL_S)


def _print_line(row: dict[str, Any], as_json: bool, zone: str) -> None:
    from dagster_project.cli.terminal import clean, console

    if as_json:
        from dagster_project.live.deliver import body

        sys.stdout.write(body(row).decode() + "\n")
    else:
        style = STYLES[row["severity"]] if row["state"] == "opened" else "green"
        line = f"{_clock(row['raised_at'], zone)} {row['state']:6} {row['severity']:8} {row['rule']} {clean(row['message'])}"
        console().print(line, style=style, markup=False, soft_wrap=True)
    sys.stdout.flush()


def _clock(at: datetime, zone: str, now: datetime | None = None) -> str:
    """The wall clock's time; of another day than today's, or where no `now` is given, with the date."""
    from zoneinfo import ZoneInfo

    local = at.astimezone(ZoneInfo(zone))
    is_today = now is not None and now.astimezone(ZoneInfo(zone)).date() == local.date()
    return f"{local:%H:%M:%S}" if is_today else f"{local:%Y-%m-%d %H:%M:%S}"
