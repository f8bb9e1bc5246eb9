"""MQTT as a live source: its settings in citylake.toml, checked. How a broker is kept and spoken to is `mqtt_tap`.

A message is acknowledged when it is in the lake and not before: at least once. Repeats are settled when refining.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.sources.block import Block
from pipelines.sources.secrets import Access, Server, server, take_access
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from pipelines.live.tap import Place, Tap

REPLAYS = False
"""A broker forgets what was acknowledged."""

PORTS = {"mqtt": 1883, "mqtts": 8883}
WEEK_S = 7 * 24 * 3600
LONGEST_S = 2**32 - 2
MOST_UNACKNOWLEDGED = 65_535


@dataclass(frozen=True)
class Options:
    """A source block's own settings.

    Attributes:
        filters: topic filters, as written; + and # are allowed.
        version: 5, 3 for 3.1.1, None for 5 and 3.1.1 where the broker refuses 5.
        client_id: None for one made from feed and source: a session belongs to its client_id and must survive restarts.
        session_s: how long the broker keeps the session of a reader that is away, and what waits in it; in 3.1.1 it decides.
        share: group of readers that the broker divides the messages among.
        reader: what tells the readers of a group apart, if they are started from the same citylake.toml.
        window: how many messages may be unacknowledged. Version 5 tells the broker. 3.1.1 cannot: write then what the broker
            allows (NATS max_ack_pending, mosquitto max_inflight_messages), or it waits while a batch waits for more.
    """

    where: str
    server: Server
    is_tls: bool
    filters: tuple[str, ...]
    version: int | None
    client_id: str | None
    session_s: int
    share: str | None
    reader: str | None
    keepalive_s: int
    window: int
    access: Access

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The filters as the broker is asked for them."""
        return tuple(f"$share/{self.share}/{f}" if self.share else f for f in self.filters)

    def client(self, feed: str, name: str) -> str:
        """The client_id, stable over restarts."""
        return "-".join(part for part in (self.client_id or f"citylake-{feed}-{name}", self.reader) if part)


def options(where: str, uri: str, block: Block, base: Path) -> Options:
    """Check a source block's own keys.

    Raises:
        SettingsError: with the place in the toml, what was found and what to do.
    """
    scheme = uri.partition("://")[0]
    topic = block.take("topic", (str, list))
    filters = (topic,) if isinstance(topic, str) else tuple(topic or ())
    if not filters:
        raise SettingsError(where, "no topic", 'write a filter such as topic = "city/flow/+", or a list of them')
    for one in filters:
        _check_filter(f"{where} topic", one)
    qos = block.take("qos", int, 1)
    if qos != 1:
        why = "may lose messages" if qos == 0 else "costs two more packets a message and gains nothing: refining settles repeats"
        raise SettingsError(f"{where} qos", f"quality of service {qos} {why}", "leave it out, or write 1")
    share = block.take("share", str)
    if share is not None and (not share or set(share) & set("/+#")):
        raise SettingsError(f"{where} share", f"{share!r} is no group name", "use letters and digits")
    access = take_access(block, base)
    if scheme == "mqtt" and access.has_files:
        raise SettingsError(f"{where} uri", "certificates with an unencrypted address", "write mqtts://")
    return Options(
        where=where,
        server=server(where, uri, PORTS[scheme]),
        is_tls=scheme == "mqtts",
        filters=filters,
        version=block.take("version", int, None, (3, 5)),
        client_id=_name(f"{where} client_id", block.take("client_id", str)),
        session_s=_between(f"{where} session_s", block.take("session_s", int, WEEK_S), 1, LONGEST_S),
        share=share,
        reader=_name(f"{where} reader", block.take("reader", str)),
        keepalive_s=_between(f"{where} keepalive_s", block.take("keepalive_s", int, 30), 2, 65_535),
        window=_between(f"{where} window", block.take("window", int, 20_000), 1, MOST_UNACKNOWLEDGED),
        access=access,
    )


def origin(spec: Options) -> str:
    """What `_source` and the ledger call it."""
    return f"mqtt{'s' if spec.is_tls else ''}://{spec.server}/{','.join(spec.subscriptions)}"


def writer(spec: Options) -> str:
    """Who counts its batches in the lake: each reader of a group has books of its own."""
    return f"{origin(spec)} as {spec.client_id or ''}/{spec.reader or ''}"


def open_tap(spec: Options, place: "Place") -> "Tap":
    """Connect and go on connecting.

    Raises:
        SettingsError: an environment variable or a certificate is missing.
    """
    from pipelines.sources.mqtt_tap import MqttTap

    return MqttTap(spec, place)


def _check_filter(where: str, text: Any) -> None:
    found = ""
    if not isinstance(text, str) or not text or "\0" in text or len(text.encode()) > 65_000:
        found = "is no topic filter"
    elif text.startswith("$share/"):
        raise SettingsError(where, f"{text!r} names a group", 'write the group as share = "<group>"')
    else:
        levels = text.split("/")
        if "#" in "".join(levels[:-1]) or any(len(level) > 1 and set(level) & set("+#") for level in levels):
            found = "has a wildcard in the wrong place"
    if found:
        raise SettingsError(where, f"{text!r} {found}", "write one such as city/+/flow or city/#; + and # stand for whole levels")


def _name(where: str, text: str | None) -> str | None:
    if text is not None and (not text or not text.isprintable() or len(text.encode()) > 200):
        raise SettingsError(where, f"{text!r} is no name", "use letters and digits")
    return text


def _between(where: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise SettingsError(where, f"{value} is out of range", f"write {least} to {most}")
    return value
