"""One MQTT connection, from connecting to its loss: paho for the words, our wire for the messages.

That a lost one is followed by another, and who gets the messages, is said in `mqtt_tap`.
"""

import contextlib
import selectors
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from pipelines.sources.mqtt import Options
from pipelines.sources.mqtt_wire import Received, Wire
from schemas.errors import SourceError

GREETING_S = 20.0
TICK_S = 0.5
READS = 16
UNSUPPORTED_VERSION = 0x84
TAKEN_OVER = 0x8E
FOR_A_PERSON = {
    UNSUPPORTED_VERSION: "write version = 3, or leave version out",
    0x85: "write another client_id",
    0x86: "check user and password in the environment",
    0x87: "check user and password in the environment, and what the broker allows them",
    0x8A: "ask who runs the broker",
    0x8C: "the broker wants another way of authentication than user and password",
}
"""Reasons of a refused connection that do not go away by themselves, and what to do."""


class LostError(Exception):
    """The connection is gone, the words say why; another may do better."""


class OlderError(Exception):
    """The broker knows 3.1.1 only."""


@dataclass(frozen=True)
class Caller:
    """Who connects, and how.

    Attributes:
        version: 5 or 3.
        login: user and password.
        was_known: whether an earlier connection left a session that the broker must still have.
    """

    spec: Options
    client_id: str
    version: int
    login: tuple[str, str] | None
    tls: ssl.SSLContext | None
    was_known: bool

    @property
    def where(self) -> str:
        """For errors."""
        return f"{self.spec.where} {self.spec.server}"


class _Client(paho.Client):
    """paho on our wire."""

    wire: Wire | None = None

    def _create_socket(self) -> Any:
        self.wire = Wire(super()._create_socket(), 5 if self.protocol == paho.MQTTv5 else 3)  # type: ignore[arg-type]
        return self.wire


class Connection:
    """An MQTT connection. All methods are called by one thread.

    Attributes:
        is_up: the subscriptions are granted.
        is_forgotten: the broker should have had a session and has none.

    Raises:
        LostError, OSError: it did not come about, or ended; so do the methods.
        SourceError: it did not, and only a person can help; so do the methods.
    """

    def __init__(self, caller: Caller, doorbell: socket.socket) -> None:
        self.caller, self._doorbell = caller, doorbell
        self.is_up = self.is_forgotten = False
        spec, properties, session = caller.spec, {}, {}
        if caller.version == 5:
            connect = Properties(PacketTypes.CONNECT)
            connect.SessionExpiryInterval, connect.ReceiveMaximum = spec.session_s, spec.window
            properties = {"clean_start": False, "properties": connect}
        else:
            session = {"clean_session": False}
        protocol = paho.MQTTv5 if caller.version == 5 else paho.MQTTv311
        self._client = _Client(paho.CallbackAPIVersion.VERSION2, caller.client_id, protocol=protocol, **session)  # type: ignore[arg-type]
        self._client.on_connect, self._client.on_subscribe = self._connected, self._subscribed
        self._client.on_disconnect = self._disconnected
        if caller.login:
            self._client.username_pw_set(*caller.login)
        if caller.tls:
            self._client.tls_set_context(caller.tls)
        self._begun, self._is_drained, self._mask = time.monotonic(), True, 0
        try:
            self._client.connect(spec.server.host, spec.server.port, spec.keepalive_s, **properties)  # type: ignore[arg-type]
        except ssl.SSLCertVerificationError as error:
            remedy = "name who signed the broker's certificate as ca_file, and the host as the certificate does"
            raise SourceError(
                caller.where, f"the broker's certificate is not trusted ({error.verify_message})", remedy
            ) from error
        if self._client.wire is None:
            raise SourceError(
                caller.where, "this version of paho-mqtt makes its socket in another way", "install the locked versions"
            )
        self._wire = self._client.wire
        self._selector = selectors.DefaultSelector()
        self._selector.register(doorbell, selectors.EVENT_READ)

    def turn(self, is_paused: bool) -> Received:
        """Wait a little for the broker or the doorbell, do what is to be done, and return what arrived.

        Args:
            is_paused: read nothing: the broker shall wait.
        """
        self._listen()  # to what came with the turn before, whose messages are in safety now
        wire = self._wire
        self._watch((not is_paused) * selectors.EVENT_READ | wire.wants_write * selectors.EVENT_WRITE)
        for key, events in self._selector.select(TICK_S if self._is_drained or is_paused else 0):
            if key.fileobj is self._doorbell:
                with contextlib.suppress(OSError):
                    self._doorbell.recv(4096)
            elif events & selectors.EVENT_WRITE:
                wire.flush()
        if is_paused:
            wire.heard_at = time.monotonic()  # the silence is ours
        self._is_drained = not is_paused and not self._fill()
        return wire.harvest()

    def send(self, packets: bytes) -> None:
        """Send whole packets."""
        self._wire.send(packets)

    def leave(self) -> None:
        """Say goodbye; the session stays."""
        self._client.disconnect()

    def close(self) -> None:
        """Let go of the socket."""
        self._selector.close()
        self._wire.close()

    def _fill(self) -> bool:
        return all(self._wire.fill() for _ in range(READS))

    def _listen(self) -> None:
        """Let paho read what is its own, and see that both sides still live."""
        wire, client = self._wire, self._client
        while wire.pending() or wire.is_ended:
            if code := client.loop_read():
                self._explain(code)
        if client.want_write():
            client.loop_write()
        # paho's own pings would take our not reading for the broker's silence
        now, keepalive_s = time.monotonic(), client.keepalive
        if not self.is_up and now - self._begun > GREETING_S:
            raise LostError("the broker did not answer")
        if keepalive_s and now - wire.heard_at > keepalive_s * 1.5:
            raise LostError(f"the broker was silent for {keepalive_s * 1.5:.0f} s")

    def keep_alive(self) -> None:
        """Tell the broker now and then that somebody is here."""
        if self.is_up and self._client.keepalive and time.monotonic() - self._wire.pinged_at > self._client.keepalive / 2:
            self._wire.ping()

    def _explain(self, code: int) -> None:
        error = self._wire.error
        if isinstance(error, ssl.SSLError) and not self.is_up and not self.caller.was_known:
            remedy = "check cert_file and key_file, and what the broker wants of them"
            raise SourceError(self.caller.where, f"the broker ended the encrypted connection ({error})", remedy)
        raise LostError(f"connection lost ({error or paho.error_string(paho.MQTTErrorCode(code))})")

    def _watch(self, mask: int) -> None:
        # a selector knows no watching for nothing
        if mask and self._mask and mask != self._mask:
            self._selector.modify(self._wire.sock, mask)
        elif mask and not self._mask:
            self._selector.register(self._wire.sock, mask)
        elif self._mask and not mask:
            self._selector.unregister(self._wire.sock)
        self._mask = mask

    # what paho calls, in our thread

    def _connected(self, client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        caller = self.caller
        if reason.value == UNSUPPORTED_VERSION and caller.version == 5 and caller.spec.version is None:
            raise OlderError
        if reason.is_failure:
            if reason.value in FOR_A_PERSON:
                raise SourceError(caller.where, f"the broker refuses the connection: {reason}", FOR_A_PERSON[reason.value])
            raise LostError(f"the broker refuses the connection for now: {reason}")
        self.is_forgotten = caller.was_known and not flags.session_present
        # retained messages come with a new subscription only, not again with each connection; 3.1.1 cannot say so
        choice = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB) if caller.version == 5 else 1
        client.subscribe([(text, choice) for text in caller.spec.subscriptions])

    def _subscribed(self, _client: Any, _data: Any, _mid: Any, reasons: Any, _properties: Any) -> None:
        where = self.caller.where
        for text, reason in zip(self.caller.spec.subscriptions, reasons, strict=False):
            if reason.is_failure:
                remedy = "check the filter and what the broker allows this user; NATS also limits filters times max_ack_pending"
                raise SourceError(where, f"the broker refuses the subscription {text!r}: {reason}", remedy)
            if reason.value < 1:
                raise SourceError(where, f"the broker grants {text!r} with QoS 0 only", "let the broker grant QoS 1")
        self.is_up = True

    def _disconnected(self, _client: Any, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if not flags.is_disconnect_packet_from_server:
            return
        if reason.value == TAKEN_OVER:
            remedy = "end the other reader, or give one of them another client_id or reader"
            raise SourceError(self.caller.where, f"another reader connected as {self.caller.client_id!r}", remedy)
        raise LostError(f"the broker closed the connection: {reason}")
