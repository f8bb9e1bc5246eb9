"""Kafka sources: what their block in citylake.toml may say, and librdkafka's configuration made from it.

Reading a topic is `kafka_tap`. The lake knows what it has of each partition, so a restart asks again for what is missing.
"""

import ipaddress
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException

from pipelines.live.tap import Place, Tap
from pipelines.sources.block import Block
from pipelines.sources.kafka_tap import KafkaTap
from pipelines.sources.secrets import Access, take_access
from schemas.errors import SettingsError

REPLAYS = True
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?")
GUARDED = {
    "enable.auto.commit": "the lake says what is landed",
    "enable.auto.offset.store": "the lake says what is landed",
    "auto.offset.reset": 'write start = "earliest" or "latest" beside options',
    "group.id": "write group = beside options",
    "bootstrap.servers": "write the hosts into uri",
    "metadata.broker.list": "write the hosts into uri",
    "partition.assignment.strategy": "partitions move one by one; leave it out",
    "statistics.interval.ms": "leave it out",
    "queued.max.messages.kbytes": "memory is bounded by the stream's own setting",
    "ssl.ca.location": "write ca_file = beside options",
    "ssl.certificate.location": "write cert_file = beside options",
    "ssl.key.location": "write key_file = beside options",
}
SECRET = re.compile(r"password|secret|\.pem$|username|oauthbearer\.config|^ssl\.key\.")


@dataclass(frozen=True)
class Options:
    """A Kafka source as its block says.

    Attributes:
        hosts: host:port, comma separated.
        group: of consumers that share the partitions; None for citylake-<feed>-<source>.
        start: where partitions begin that the lake has nothing of.
        options: of librdkafka, as they are.
    """

    hosts: str
    topics: tuple[str, ...]
    group: str | None
    start: str
    options: tuple[tuple[str, str], ...]
    access: Access


def options(where: str, uri: str, block: Block, base: Path) -> Options:
    """Check the keys that are Kafka's own.

    Raises:
        SettingsError: with the place in the toml, what was found and what to do.
    """
    hosts = uri.removeprefix("kafka://").rstrip("/")
    if "@" in hosts:
        raise SettingsError(f"{where} uri", "a user or password in it", 'leave it out and write credentials = "<PREFIX>"')
    if not hosts or not all(HOST.fullmatch(h) for h in hosts.split(",")):
        raise SettingsError(
            f"{where} uri", f"{uri!r} names no brokers", "write kafka://host:9092 or kafka://host1:9092,host2:9092"
        )
    topics = block.take("topic", (str, list), [])
    topics = (topics,) if isinstance(topics, str) else tuple(topics)
    if not topics or len(set(topics)) < len(topics) or not all(isinstance(t, str) and TOPIC.fullmatch(t) for t in topics):
        raise SettingsError(f"{where} topic", f"{topics!r} names no Kafka topic", 'write topic = "name" or ["one", "other"]')
    out = Options(
        hosts=hosts,
        topics=topics,
        group=block.take("group", str),
        start=block.take("start", str, "earliest", ("earliest", "latest")),
        options=_passed_through(f"{where} options", block.take("options", dict, {})),
        access=take_access(block, base),
    )
    _refuse_clear_passwords(where, out)
    try:
        # librdkafka knows its own options best; nothing is connected yet
        Consumer({**configuration(out, "check", 1 << 26, dry=True), "bootstrap.servers": ""}, logger=_silent()).close()
    except KafkaException as error:
        raise SettingsError(f"{where} options", error.args[0].str(), "see CONFIGURATION.md of librdkafka") from error
    return out


def origin(options: Options) -> str:
    """Brokers and topics."""
    return f"kafka://{options.hosts}/{','.join(options.topics)}"


def open_tap(options: Options, place: Place) -> Tap:
    """Join the group and read.

    Raises:
        SettingsError: credentials that are named are not in the environment, or librdkafka refuses an option.
    """
    group = options.group or f"citylake-{place.feed}-{place.name}"
    return KafkaTap(configuration(options, group, place.hold_bytes), options.topics, options.start, place)


def configuration(options: Options, group: str, hold_bytes: int, dry: bool = False) -> dict[str, Any]:
    """What librdkafka is told.

    Args:
        hold_bytes: half of it bounds librdkafka's queue.
        dry: leave the environment alone, to check the options only.
    """
    given = dict(options.options)
    half_kib = max(hold_bytes // 2048, 1)
    out: dict[str, Any] = {
        "bootstrap.servers": options.hosts,
        "group.id": group,
        "client.id": "citylake",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",  # an offset out of range is an event to be told, not a place to jump to
        "queued.max.messages.kbytes": half_kib,
        "fetch.max.bytes": max(min(50 << 20, half_kib * 512), 1 << 20),
        "fetch.queue.backoff.ms": 10,  # 1 s by default: a full queue would run dry before it is filled again
        "max.poll.interval.ms": 600_000,
        "statistics.interval.ms": 1000,
        "reconnect.backoff.max.ms": 2000,
    }
    if given.get("group.protocol", "classic") == "classic":
        out["partition.assignment.strategy"] = "cooperative-sticky"
    return out | _security(options, dry) | given


def _security(options: Options, dry: bool) -> dict[str, str]:
    access, given = options.access, dict(options.options)
    files = {
        "ssl.ca.location": access.ca_file,
        "ssl.certificate.location": access.cert_file,
        "ssl.key.location": access.key_file,
    }
    out = {key: file for key, file in files.items() if file}
    if access.credentials:
        user, password = ("user", "password") if dry else (access.user, access.password)
        oauth = _mechanism(given) == "OAUTHBEARER"
        keys = ("sasl.oauthbearer.client.id", "sasl.oauthbearer.client.secret") if oauth else ("sasl.username", "sasl.password")
        out |= {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"} | dict(zip(keys, (user, password), strict=True))
        if "sasl.mechanisms" in given:
            del out["sasl.mechanism"]
    elif out:
        out["security.protocol"] = "SSL"
    return out


def _passed_through(where: str, values: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    for key, value in values.items():
        if key in GUARDED:
            raise SettingsError(f"{where} {key}", "it would break what the stream promises, or say it twice", GUARDED[key])
        if SECRET.search(key):
            raise SettingsError(
                f"{where} {key}",
                "secrets do not belong into citylake.toml",
                'write credentials = "<PREFIX>" and set <PREFIX>_USER and <PREFIX>_PASSWORD; a key_file must have no password',
            )
        if not isinstance(value, (str, int, float, bool)):
            raise SettingsError(f"{where} {key}", f"{value!r} is no plain value", "write a text, a number, true or false")
    return tuple((k, str(v).lower() if isinstance(v, bool) else str(v)) for k, v in values.items())


def _refuse_clear_passwords(where: str, options: Options) -> None:
    given = dict(options.options)
    bare = given.get("security.protocol", "SASL_SSL").upper() in ("SASL_PLAINTEXT", "PLAINTEXT")
    if options.access.credentials and bare and _mechanism(given) == "PLAIN" and not all(map(_is_here, options.hosts.split(","))):
        raise SettingsError(
            f"{where} options security.protocol",
            "the password would cross the network in clear",
            "use SASL_SSL, or a SCRAM mechanism",
        )


def _mechanism(given: dict[str, str]) -> str:
    return given.get("sasl.mechanism", given.get("sasl.mechanisms", "PLAIN")).upper()


def _is_here(host: str) -> bool:
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) and not host.endswith("]") else host
    try:
        return name == "localhost" or ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _silent() -> logging.Logger:
    logger = logging.Logger("kafka options")
    logger.addHandler(logging.NullHandler())
    return logger
