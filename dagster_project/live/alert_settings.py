"""The section `[alerts]` of citylake.toml: which rules run, and who is told. Checked before any work.

What a rule says is in assets/alerts; how somebody is told, in the courier's targets.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from schemas.errors import SettingsError

KEYS = ("rules", "webhook", "mqtt", "topic", "credentials", "ca_file", "cert_file", "key_file")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class AlertSettings:
    """A checked `[alerts]`.

    Attributes:
        rules: names of the rules that run; None for all of them, empty for none.
        webhook: where each change of an alert is posted, signed with $<credentials>_KEY.
        mqtt: broker to which it is published, as <topic>/<rule>/<place>.
        credentials: prefix of the environment variables that hold key, user and password.
    """

    rules: tuple[str, ...] | None = None
    webhook: str | None = None
    mqtt: str | None = None
    topic: str = "citylake/alerts"
    credentials: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    @property
    def is_on(self) -> bool:
        """Whether any rule runs."""
        return self.rules != ()

    def secret(self, what: str) -> str | None:
        """A secret such as KEY or PASSWORD, from the environment; None where it is not set."""
        return os.environ.get(f"{self.credentials}_{what}") if self.credentials else None


def alert_settings(values: Mapping[str, Any], base: Path) -> AlertSettings:
    """Check the section; paths start at `base`.

    Raises:
        SettingsError: where, what was found and what to do.
    """
    left = sorted(set(values) - set(KEYS))
    if left:
        raise SettingsError(f"[alerts] {left[0]}", "there is no such setting", f"use one of {', '.join(KEYS)}")
    texts = {k: _text(k, v) for k, v in values.items() if k != "rules"}
    if "webhook" in texts:
        _check_url("webhook", texts["webhook"], ("https",), ("http",))
        if "credentials" not in texts:
            remedy = 'add credentials = "CITY_ALERTS", and set CITY_ALERTS_KEY in the environment'
            raise SettingsError("[alerts] webhook", "nothing says what it is signed with", remedy)
    if "mqtt" in texts:
        _check_url("mqtt", texts["mqtt"], ("mqtt", "mqtts"), ())
    if any(c in texts.get("topic", "") for c in "+#\0") or texts.get("topic", "a").startswith(("/", "$")):
        raise SettingsError("[alerts] topic", f"{texts['topic']!r} cannot be published to", 'write one such as "citylake/alerts"')
    for key in ("ca_file", "cert_file", "key_file"):
        if key in texts:
            texts[key] = str(base / texts[key])
            if not Path(texts[key]).is_file():
                raise SettingsError(f"[alerts] {key}", f"there is no file {texts[key]}", "correct the path")
    return AlertSettings(rules=_rules(values["rules"]) if "rules" in values else None, **texts)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise SettingsError(f"[alerts] {key}", f"{value!r} is no text", "write a text in quotes")
    return value


def _rules(value: Any) -> tuple[str, ...]:
    known = sorted(f.name.removesuffix(".sql") for f in files("assets.alerts").iterdir() if f.name.endswith(".sql"))
    if not isinstance(value, list):
        raise SettingsError(
            "[alerts] rules", f"{value!r} is no list", "write the rules that shall run, such as " + str(known[:2])
        )
    for name in value:
        if name not in known:
            raise SettingsError("[alerts] rules", f"there is no rule {name!r}", f"use some of {', '.join(known)}")
    return tuple(dict.fromkeys(value))


def _check_url(key: str, url: str, anywhere: tuple[str, ...], on_loopback: tuple[str, ...]) -> None:
    where = f"[alerts] {key}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(where, f"it is no address: {error}", "correct it") from error
    if parts.username or parts.password:
        raise SettingsError(where, "it holds a user or password", "take them out; they come from the environment (credentials)")
    if not host:
        raise SettingsError(where, f"{url!r} names no host", f"write one such as {anywhere[0]}://host/path")
    if parts.scheme in on_loopback and host in LOOPBACK:
        return
    if parts.scheme not in anywhere:
        alone = f", or {on_loopback[0]}:// on 127.0.0.1" if on_loopback else ""
        raise SettingsError(where, f"{parts.scheme}://{host} is not spoken to", f"use {' or '.join(anywhere)}{alone}")
