"""Constants of a source block become values of the column's type, or the block is refused before any work."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.sources.declared import parse
from schemas.errors import SettingsError
from schemas.registry import feed
from tests.landing.driver import Inbox

BLOCK = {"uri": "a.csv", "format": "csv"}


def columns(at: str) -> dict:
    return {"controller_id": {"constant": "7"}, "occurred_at": {"constant": at}, "code": "c", "parameter": {"constant": 4}}


def test_a_constant_instant_is_the_time_of_every_row(inbox: Inbox) -> None:
    inbox.put("a.csv", "c\n82\n81\n")
    inbox.land("signal_events", **BLOCK, columns=columns("2026-05-01T10:00:00+02:00"))
    assert inbox.raw("signal_events")["occurred_at"].to_list() == [datetime(2026, 5, 1, 8, tzinfo=UTC)] * 2


@pytest.mark.parametrize("text", ["noon", "2026-05-01T10:00:00"])
def test_a_constant_that_is_no_instant_is_refused_before_any_work(text: str) -> None:
    with pytest.raises(SettingsError, match=r"occurred_at constant.*no instant"):
        parse(feed("signal_events"), "a", BLOCK | {"columns": columns(text)}, Path())
