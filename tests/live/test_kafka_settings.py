"""What a Kafka block may say, and what it may not: nothing that breaks a promise, no secret in clear."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.sources import kafka
from pipelines.sources.block import Block
from schemas.errors import SettingsError

WHERE = "[feeds.f.sources.s]"


def options(uri: str = "kafka://127.0.0.1:9092", **settings: Any) -> kafka.Options:
    block = Block(WHERE, {"topic": "t", **settings})
    out = kafka.options(WHERE, uri, block, Path())
    block.done()
    return out


@pytest.mark.parametrize("key", sorted(kafka.GUARDED))
def test_an_option_that_breaks_a_promise_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match=r"options " + key.replace(".", r"\.")):
        options(options={key: "true"})


@pytest.mark.parametrize(
    "key", ["sasl.password", "sasl.username", "ssl.key.password", "sasl.oauthbearer.client.secret", "ssl.key.pem"]
)
def test_a_secret_in_clear_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match=r"<PREFIX>_PASSWORD") as caught:
        options(options={key: "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "settings", "says"),
    [
        ("kafka://user:pw@host:9092", {}, "user or password"),
        ("kafka://", {}, "no brokers"),
        ("kafka://host:9092/topic", {}, "no brokers"),
        ("kafka://h:1", {"topic": []}, "no Kafka topic"),
        ("kafka://h:1", {"topic": "^any.*"}, "no Kafka topic"),
        ("kafka://h:1", {"start": "newest"}, "not known"),
        ("kafka://h:1", {"options": {"no.such.option": 1}}, "No such configuration property"),
        ("kafka://h:1", {"options": {"fetch.min.bytes": "many"}}, "fetch.min.bytes"),
        ("kafka://h:1", {"options": {"fetch.min.bytes": [1]}}, "no plain value"),
        ("kafka://far:1", {"credentials": "K", "options": {"security.protocol": "SASL_PLAINTEXT"}}, "in clear"),
        ("kafka://127.0.0.1:1,far", {"credentials": "K", "options": {"security.protocol": "sasl_plaintext"}}, "in clear"),
    ],
)
def test_a_wrong_block_is_said(uri: str, settings: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        options(uri, **settings)


def test_credentials_come_from_the_environment_and_go_over_tls_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITY_USER", "me")
    monkeypatch.setenv("CITY_PASSWORD", "hunter2")
    told = kafka.configuration(options(credentials="CITY"), "g", 1 << 20)
    assert (told["security.protocol"], told["sasl.mechanism"], told["sasl.username"]) == ("SASL_SSL", "PLAIN", "me")
    assert told["sasl.password"] == "hunter2"
    scram = options(credentials="CITY", options={"sasl.mechanisms": "SCRAM-SHA-512", "security.protocol": "SASL_PLAINTEXT"})
    told = kafka.configuration(scram, "g", 1 << 20)
    assert (told["security.protocol"], told["sasl.mechanisms"]) == ("SASL_PLAINTEXT", "SCRAM-SHA-512")
    assert "hunter2" not in repr(scram) + kafka.origin(scram)


def test_the_promises_are_in_the_configuration() -> None:
    told = kafka.configuration(options("kafka://a:1,b:2", options={"client.rack": "r1", "check.crcs": True}), "g", 64 << 20)
    assert told["enable.auto.commit"] is False
    assert told["auto.offset.reset"] == "error"
    assert told["queued.max.messages.kbytes"] == 32 << 10
    assert (told["client.rack"], told["check.crcs"], told["bootstrap.servers"]) == ("r1", "true", "a:1,b:2")
    assert kafka.origin(options("kafka://a:1,b:2", topic=["x", "y"])) == "kafka://a:1,b:2/x,y"


def test_a_ca_file_means_tls(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ssl\.ca\.location"):
        options(ca_file=str(tmp_path / "none.pem"))
