"""What a source block may say of MQTT and JetStream, and what is refused before anything is connected."""

import ssl
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipelines.live.kinds import is_live, kind
from pipelines.sources import jetstream, mqtt
from pipelines.sources.block import Block
from pipelines.sources.secrets import Access
from schemas.errors import SettingsError
from tests.live import brokers
from tests.live.brokers import Stand

HERE = Path("/a city")
PREFIX = "ABSENT"


def parse(url: str, base: Path = HERE, **values: Any) -> Any:
    block = Block("[feeds.readings.sources.field]", values)
    module: ModuleType = kind(url)
    out = module.options(block.where, url, block, base)
    block.done()
    return out


def test_defaults_of_mqtt() -> None:
    spec = parse("mqtt://broker", topic="city/+/flow")
    assert (str(spec.server), spec.filters, spec.window, spec.version) == ("broker:1883", ("city/+/flow",), 20_000, None)
    assert spec.client("readings", "field") == "citylake-readings-field"
    assert spec.subscriptions == ("city/+/flow",)
    assert parse("mqtts://broker", topic="a").server.port == 8883
    assert mqtt.origin(spec) == "mqtt://broker:1883/city/+/flow"
    assert mqtt.REPLAYS is False


def test_groups_and_names_of_mqtt() -> None:
    spec = parse("mqtts://[::1]:1", topic=["a", "b/#"], share="lake", reader="2", client_id="me")
    assert spec.subscriptions == ("$share/lake/a", "$share/lake/b/#")
    assert spec.client("readings", "field") == "me-2"
    assert mqtt.origin(spec) == "mqtts://[::1]:1/$share/lake/a,$share/lake/b/#"


def test_defaults_of_jetstream() -> None:
    spec = parse("nats://broker", stream="city")
    assert (str(spec.server), spec.subjects, spec.start, spec.is_tls) == ("broker:4222", (), "earliest", False)
    assert jetstream.origin(spec) == "nats://broker:4222/city"
    spec = parse("nats+tls://broker:1", subject=["a.*", "b.>"], ca_file="ca.pem")
    assert jetstream.origin(spec) == "nats+tls://broker:1/a.*,b.>"
    assert spec.access.ca_file == "/a city/ca.pem"
    assert jetstream.REPLAYS is True


MQTT, NATS = {"topic": "a"}, {"stream": "s"}
REFUSED = [
    ("mqtt://broker", {}, "no topic"),
    ("mqtt://broker", {"topic": ""}, "no topic"),
    ("mqtt://broker", {"topic": "a/#/b"}, "wildcard in the wrong place"),
    ("mqtt://broker", {"topic": ["a", "b+"]}, "wildcard in the wrong place"),
    ("mqtt://broker", {"topic": ["a", 3]}, "no topic filter"),
    ("mqtt://broker", {"topic": "a\0b"}, "no topic filter"),
    ("mqtt://broker", {"topic": "$share/g/a"}, "names a group"),
    ("mqtt://broker", {**MQTT, "qos": 0}, "may lose messages"),
    ("mqtt://broker", {**MQTT, "qos": 2}, "gains nothing"),
    ("mqtt://broker", {**MQTT, "version": 4}, "4 is not known"),
    ("mqtt://broker", {**MQTT, "window": 70_000}, "out of range"),
    ("mqtt://broker", {**MQTT, "window": 0}, "out of range"),
    ("mqtt://broker", {**MQTT, "session_s": 0}, "out of range"),
    ("mqtt://broker", {**MQTT, "keepalive_s": 1}, "out of range"),
    ("mqtt://broker", {**MQTT, "share": "a/b"}, "no group name"),
    ("mqtt://broker", {**MQTT, "client_id": ""}, "no name"),
    ("mqtt://broker", {**MQTT, "ca_file": "ca.pem"}, "unencrypted address"),
    ("mqtts://broker", {**MQTT, "key_file": "k.pem"}, "without its certificate"),
    ("mqtt://broker", {**MQTT, "credentials": "not a prefix"}, "no prefix"),
    ("mqtt://user:secret@broker", MQTT, "holds a user or a password"),
    ("mqtt://user@broker", MQTT, "holds a user or a password"),
    ("mqtt://broker:port", MQTT, "no address"),
    ("mqtt://broker:99999", MQTT, "no address"),
    ("mqtt://", MQTT, "names no host"),
    ("mqtt://broker/city", MQTT, "more than host and port"),
    ("mqtt://broker", {**MQTT, "tls_insecure": True}, "no such setting"),
    ("nats://broker", {}, "neither stream nor subject"),
    ("nats://broker", {"stream": "a.b"}, "no stream's name"),
    ("nats://broker", {"subject": "a..b"}, "no subject"),
    ("nats://broker", {"subject": "a.>.b"}, "no subject"),
    ("nats://broker", {"subject": "a b"}, "no subject"),
    ("nats://broker", {"subject": ["a\r\nPUB x 0\r\n"]}, "no subject"),
    ("nats://broker", {**NATS, "start": "middle"}, "'middle' is not known"),
    ("nats://broker", {**NATS, "batch": 0}, "out of range"),
    ("nats://broker", {**NATS, "ca_file": "ca.pem"}, "unencrypted address"),
    ("nats://broker", {**NATS, "credentials": "A", "creds_file": "a.creds"}, "more than one"),
    ("nats://user:secret@broker", NATS, "holds a user or a password"),
]


@pytest.mark.parametrize(("url", "values", "found"), REFUSED, ids=[f"{u} {v}"[:80] for u, v, _ in REFUSED])
def test_what_cannot_be_is_refused(url: str, values: dict[str, Any], found: str) -> None:
    assert is_live(url)
    with pytest.raises(SettingsError, match=found) as caught:
        parse(url, **values)
    assert "secret" not in str(caught.value)
    assert caught.value.where.startswith("[feeds.readings.sources.field]")


@pytest.mark.parametrize(("url", "values"), [("mqtt://127.0.0.1:1", MQTT), ("nats://127.0.0.1:1", NATS)])
def test_a_missing_variable_is_named(url: str, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = parse(url, credentials=PREFIX, **values)
    with pytest.raises(SettingsError, match="ABSENT_USER is not set"):
        kind(url).open_tap(spec, Stand().place)
    monkeypatch.setenv("ABSENT_USER", "someone")
    with pytest.raises(SettingsError, match="ABSENT_PASSWORD is not set"):
        kind(url).open_tap(spec, Stand().place)


def test_secrets_that_nobody_named_are_not_to_be_had() -> None:
    with pytest.raises(SettingsError, match="a token is needed"):
        _ = Access(where="[feeds.readings.sources.field]").token


def test_files_of_tls_are_checked(tmp_path: Path) -> None:
    papers = brokers.certificates(tmp_path)
    good = Access(None, str(papers.ca), str(papers.client), str(papers.client_key)).ssl_context()
    assert good.verify_mode is ssl.CERT_REQUIRED and good.check_hostname
    with pytest.raises(SettingsError, match="there is no file"):
        Access(ca_file=str(tmp_path / "none.pem")).ssl_context()
    with pytest.raises(SettingsError, match="cannot be used"):
        Access(cert_file=str(papers.client), key_file=str(papers.server_key)).ssl_context()
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match="cannot be used"):
        Access(ca_file=str(tmp_path / "text.pem")).ssl_context()


def test_a_nats_credentials_file_must_be_there() -> None:
    with pytest.raises(SettingsError, match="there is no file"):
        jetstream.open_tap(parse("nats://127.0.0.1:1", creds_file="none.creds", **NATS), Stand().place)


def test_readers_of_a_group_count_their_batches_apart() -> None:
    """In one lake: else each would take the other's batches for messages that somebody landed before."""
    one, two, again = (parse("mqtt://broker", topic="a/#", share="lake", reader=r) for r in ("one", "two", "one"))
    assert mqtt.origin(one) == mqtt.origin(two)
    assert mqtt.writer(one) != mqtt.writer(two)
    assert mqtt.writer(one) == mqtt.writer(again)
