"""Keys: without one nothing is read or written, and no key shows anywhere."""

import pickle
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.cli.findings import examine
from pipelines.live.stream import Stream
from pipelines.privacy import keys
from pipelines.run import land
from pipelines.sources.declared import parse
from pipelines.sources.files import Limits
from pipelines.steps import Landing, conform, decode, read
from schemas.errors import SettingsError
from schemas.privacy import key_name
from schemas.registry import feed
from tests.landing.driver import AT, Inbox
from tests.privacy.test_pseudonyms import FEED, lines, transaction

NAME = key_name("eservices")
TOML = """
[city]
name = "Test"
time_zone = "Europe/Berlin"
[lake]
root = "lake"
[feeds.eservice_transactions.sources.desk]
uri = "inbox/*.jsonl"
format = "json_lines"
"""


@pytest.fixture
def keyless(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """A file to land, and no key."""
    monkeypatch.delenv(NAME)
    inbox.put("a.jsonl", lines(transaction(1)))
    (inbox.folder / "citylake.toml").write_text(TOML, "utf-8")
    return inbox


def test_without_a_key_nothing_is_written(keyless: Inbox) -> None:
    source = parse(feed(FEED), "test", {"uri": "a.jsonl", "format": "json_lines"}, keyless.folder / "inbox")
    with pytest.raises(SettingsError, match=NAME):
        land(keyless.lake, keyless.city, feed(FEED), source, datetime.now(UTC))
    # nor on a worker that has none, although whoever sent it there has
    with pytest.raises(SettingsError, match=NAME):
        keyless.land(FEED, uri="a.jsonl", format="json_lines")
    assert not Path(keyless.lake.root).exists()


def test_the_commands_name_the_key_and_the_other_feeds_go_on(keyless: Inbox) -> None:
    more = '[feeds.traffic_flow.sources.a]\nuri = "inbox/*.csv"\nformat = "csv"\n'
    toml = keyless.folder / "citylake.toml"
    toml.write_text(TOML + more, "utf-8")
    keyless.put("b.csv", "sensor_id,lane,observed_at,interval_s,vehicle_count\na,1,2026-05-01T08:00:00Z,60,5\n")
    done = CliRunner().invoke(app, ["land", "--config", str(toml)])
    assert done.exit_code != 0 and keyless.raw(FEED).height == 0 and keyless.raw("traffic_flow").height == 1
    found = {f["check"]: f for f in examine(toml, None)}["key of eservices"]
    assert found["status"] == "fault" and NAME in found["found"]


def test_a_stream_is_not_begun_without_the_key(keyless: Inbox) -> None:
    block = {"uri": "mqtt://127.0.0.1:1", "topic": "a/#", "format": "json_lines"}
    source = parse(feed(FEED), "live", block, keyless.folder)
    with pytest.raises(SettingsError, match=NAME):
        Stream(keyless.lake, keyless.city, [(feed(FEED), source)])


@pytest.mark.parametrize(("value", "said"), [("", "is not set"), ("too short", "has 9 bytes")])
def test_a_key_that_is_none_is_said_by_name(value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(SettingsError, match=said) as caught:
        keys.demand(feed(FEED))
    assert NAME in str(caught.value) and (not value or value not in str(caught.value))


def test_a_key_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME)
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "key"))
    with pytest.raises(SettingsError, match=f"{NAME}_FILE"):
        keys.key("eservices")
    (tmp_path / "key").write_bytes(b"k" * 32 + b"\n")
    assert keys.key("eservices") == b"k" * 32


def test_no_pickle_holds_the_key(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = secrets.token_hex(32)
    monkeypatch.setenv(NAME, secret)
    inbox.put("a.jsonl", lines(transaction(1), transaction(2, service="wizardry")))
    planned = inbox.land(FEED, uri="a.jsonl", format="json_lines")
    source = parse(feed(FEED), "test", {"uri": "a.jsonl", "format": "json_lines"}, inbox.folder / "inbox")
    landing = Landing(inbox.lake, inbox.city, feed(FEED), source, Limits(), planned.todo, AT)
    batch = conform(decode(next(iter(read(planned.todo[0].splits[0], landing))), landing), landing)  # type: ignore[arg-type]
    assert secret.encode() not in pickle.dumps(landing) and secret not in repr(batch)
    for file in (f for f in Path(inbox.lake.root).rglob("*") if f.is_file()):
        assert secret.encode() not in file.read_bytes()


def test_keys_that_nobody_keeps_are_made_only_where_there_are_none() -> None:
    environment: dict[str, str] = {}
    assert keys.throw_away([feed(FEED), feed("traffic_flow")], environment) == [NAME]
    made = environment[NAME]
    assert len(made) >= 32 and keys.throw_away([feed(FEED)], environment) == [] and environment[NAME] == made
