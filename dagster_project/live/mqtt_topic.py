"""An MQTT topic: each change of an alert as a message at `<prefix>/<rule>/<place>`, QoS 1. Retrying is the courier's business."""

import re
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

from dagster_project.live.alert_settings import AlertSettings
from dagster_project.live.deliver import Undelivered, body

TAKEN_S = 10.0
KEEPALIVE_S = 30


def level(text: str) -> str:
    """A text from outside as one level of a topic: no separators, no wildcards, nothing that is not printed."""
    return re.sub(r"[/+#\x00-\x1f\x7f]", "_", text)[:200] or "_"


class MqttTopic:
    """A target at an MQTT 3.1.1 broker, which every broker speaks."""

    def __init__(self, settings: AlertSettings) -> None:
        self._settings = settings
        parts = urlsplit(settings.mqtt or "")
        self._host, self._is_tls = parts.hostname or "", parts.scheme == "mqtts"
        self._port = parts.port or (8883 if self._is_tls else 1883)
        self._client: mqtt.Client | None = None

    @property
    def address(self) -> str:
        """Broker and topic."""
        return f"{self._settings.mqtt} {self._settings.topic}"

    def send(self, row: dict[str, Any]) -> None:
        """Publish one row, and wait until the broker has it."""
        client = self._client or self._connected()
        topic = f"{self._settings.topic}/{level(row['rule'])}/{level(row['place_id'])}"
        try:
            told = client.publish(topic, body(row), qos=1)
            told.wait_for_publish(TAKEN_S)
            if told.is_published():
                return
            found = "the broker did not confirm in time"
        except (RuntimeError, ValueError, OSError) as error:
            found = f"not published: {error}"
        self.close()  # with what the client still holds: the same row is sent again
        raise Undelivered(found)

    def close(self) -> None:
        """Let go of the broker."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def _connected(self) -> mqtt.Client:
        settings = self._settings
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        if user := settings.secret("USER"):
            client.username_pw_set(user, settings.secret("PASSWORD"))
        if self._is_tls:
            context = ssl.create_default_context(cafile=settings.ca_file)
            if settings.cert_file:
                context.load_cert_chain(settings.cert_file, settings.key_file)
            client.tls_set_context(context)
        answered, refused = threading.Event(), []

        def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            refused.extend([str(reason)] if reason.is_failure else [])
            answered.set()

        client.on_connect = on_connect
        try:
            client.connect(self._host, self._port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise Undelivered(f"it cannot be reached: {error}") from error
        client.loop_start()
        if not answered.wait(TAKEN_S) or refused:
            client.disconnect()
            client.loop_stop()
            raise Undelivered(f"it refused: {refused[0]}" if refused else "it did not answer in time")
        self._client = client
        return client
