"""Real brokers for tests, on free ports of 127.0.0.1, with TLS and users; started, killed and stopped by the test.

What is asserted of them does not belong here.
"""

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

from pipelines.live.server import NatsServer, free_port
from pipelines.live.tap import Messages, Place, Tap

PATIENCE_S = 60.0
MOSQUITTO = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


@dataclass(frozen=True)
class Certificates:
    """PEM files of an authority, a server called localhost and 127.0.0.1, and a client."""

    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def certificates(folder: Path, names: str = "DNS:localhost,IP:127.0.0.1") -> Certificates:
    """Make them with openssl, the server's for these names; skips the test where there is none."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")

    def run(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    folder.mkdir(parents=True, exist_ok=True)
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=a test authority")
    for name, subject in (("server", "/CN=localhost"), ("client", "/CN=a reader")):
        run("req", *new_key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        extension = folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={names}\n" if name == "server" else "extendedKeyUsage=clientAuth\n")
        sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", extension.name)
        run("x509", "-req", "-in", f"{name}.csr", *sign, "-out", f"{name}.pem")
    return Certificates(*(folder / n for n in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")))


@contextlib.contextmanager
def nats_server(
    folder: Path, tls: Certificates | None = None, user: tuple[str, str] | None = None, token: str = "", denied: str = ""
) -> Iterator[NatsServer]:
    """A NATS server with JetStream and MQTT.

    Args:
        tls: it wants client certificates.
        denied: what the user may not subscribe to.
    """
    # what an MQTT reader took and did not acknowledge comes again after ack_wait, to the next reader as well
    extra, mqtt_extra = [], 'ack_wait: "5s"'
    if tls:
        block = f'tls {{ cert_file: "{tls.server}", key_file: "{tls.server_key}", ca_file: "{tls.ca}", verify: true }}'
        extra, mqtt_extra = [block], f"{mqtt_extra}, {block}"
    if user:
        permissions = f', permissions: {{ publish: ">", subscribe: {{ deny: "{denied}" }} }}' if denied else ""
        extra.append(f'authorization {{ users: [{{ user: "{user[0]}", password: "{user[1]}"{permissions} }}] }}')
    if token:
        extra.append(f'authorization {{ token: "{token}" }}')
    server = NatsServer(folder, extra="\n".join(extra), mqtt_extra=mqtt_extra).start()
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Mosquitto:
    """Debian's mosquitto. Nothing is kept over its end: sessions are forgotten."""

    folder: Path
    tls: Certificates | None = None
    user: tuple[str, str] | None = None
    settings: str = ""
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of its listener."""
        return f"mqtt{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def start(self) -> "Mosquitto":
        """Start it and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [f"listener {self.port} 127.0.0.1", "max_queued_messages 0", "persistence false", self.settings]
        if self.tls:
            lines += [
                f"cafile {self.tls.ca}",
                f"certfile {self.tls.server}",
                f"keyfile {self.tls.server_key}",
                "require_certificate true",
            ]
        lines.append(f"allow_anonymous {str(self.user is None).lower()}")
        if self.user:
            passwords = self.folder / "passwords"
            passwords.write_text("")
            subprocess.run(["mosquitto_passwd", "-b", str(passwords), *self.user], check=True, capture_output=True)
            # it gives up root for a user of its own, who must read it
            passwords.chmod(0o644)
            self.folder.chmod(0o755)
            lines.append(f"password_file {passwords}")
        lines.append("user root")
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        with open(self.folder / "mosquitto.log", "ab") as log:
            self.process = subprocess.Popen([str(MOSQUITTO), "-c", str(config)], stdout=log, stderr=log)
        wait_for(lambda: answers(self.port), "mosquitto listens")
        return self

    def kill(self) -> None:
        """End it at once."""
        if self.process:
            self.process.kill()
            self.process.wait()

    stop = kill

    def __enter__(self) -> "Mosquitto":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def wait_for(is_so: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait until something holds, and return it."""
    until = time.monotonic() + patience_s
    while not (found := is_so()):
        assert time.monotonic() < until, f"waited in vain: {what}"
        time.sleep(0.02)
    return found


@dataclass
class Stand:
    """A reader's place, and what it was told."""

    hold_bytes: int = 64 << 20
    wanted: int = 0
    name: str = "field"
    said: list[str] = field(default_factory=list)

    @property
    def place(self) -> Place:
        """For the tap."""
        return Place("readings", self.name, self.hold_bytes, lambda ps: dict.fromkeys(ps, self.wanted), self.said.append)


@dataclass
class Taken:
    """What was taken of a tap, in order."""

    messages: list[Messages] = field(default_factory=list)

    @property
    def payloads(self) -> list[bytes]:
        """Of all messages."""
        return [p for m in self.messages for p in m.payloads]

    @property
    def topics(self) -> list[str]:
        """Of all messages."""
        return [t for m in self.messages for t in m.topics or ()]

    @property
    def positions(self) -> list[int]:
        """Of all messages."""
        return [int(p) for m in self.messages if m.positions is not None for p in m.positions]

    @property
    def marks(self) -> list[Any]:
        """To acknowledge."""
        return [m.marks for m in self.messages]


def take(tap: Tap, is_enough: Callable[[Taken], bool], most_bytes: int = 32 << 20, taken: Taken | None = None) -> Taken:
    """Take from a tap as the reader does, until it is enough."""
    taken = taken or Taken()

    def look() -> bool:
        taken.messages.extend(tap.take(most_bytes))
        return is_enough(taken)

    wait_for(look, f"enough of {len(taken.payloads)} messages")
    return taken


def take_count(tap: Tap, count: int) -> Taken:
    """Take at least so many messages."""
    return take(tap, lambda t: sum(len(m.payloads) for m in t.messages) >= count)


@contextlib.contextmanager
def closing(tap: Tap) -> Iterator[Tap]:
    """Close the tap whatever happens."""
    try:
        yield tap
    finally:
        tap.close()


def publish_mqtt(port: int, messages: Sequence[tuple[str, bytes]], qos: int = 1, retain: bool = False) -> None:
    """Publish with paho and wait until the broker has acknowledged all."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    client.max_inflight_messages_set(500)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        sent = [client.publish(topic, payload, qos, retain) for topic, payload in messages]
        for one in sent:
            one.wait_for_publish(PATIENCE_S)
            assert one.is_published()
    finally:
        client.disconnect()
        client.loop_stop()


def on_nats(url: str, work: Callable[[Any, Any], Any], **login: Any) -> Any:
    """Run a coroutine function with a client and its JetStream."""
    import nats

    async def run() -> Any:
        client = await nats.connect(url, **login)
        try:
            return await work(client, client.jetstream(timeout=30))
        finally:
            await client.close()

    return asyncio.run(run())


def publish_stream(url: str, messages: Sequence[tuple[str, bytes]], **login: Any) -> None:
    """Publish to JetStream and wait until the broker has stored all."""

    async def work(client: Any, streams: Any) -> None:
        for at in range(0, len(messages), 500):
            await asyncio.gather(*(streams.publish(s, p, timeout=30) for s, p in messages[at : at + 500]))

    on_nats(url, work, **login)
