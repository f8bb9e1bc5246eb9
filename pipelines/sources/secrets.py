"""Credentials and certificates of a live source. Secrets come from the environment, never from citylake.toml or a uri.

Speaking to a broker does not belong here.
"""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.sources.block import Block
from schemas.errors import SettingsError


@dataclass(frozen=True)
class Access:
    """How a source proves who it is. The environment is read when the broker is called, not when the toml is checked.

    Attributes:
        credentials: prefix of the environment variables <prefix>_USER, <prefix>_PASSWORD and <prefix>_TOKEN; None for nobody.
        ca_file, cert_file, key_file: absolute paths of PEM files; None for the system's authorities and no client certificate.
        where: the block in citylake.toml, for errors.
    """

    credentials: str | None = None
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    where: str = ""

    @property
    def user(self) -> str:
        """<prefix>_USER.

        Raises:
            SettingsError: no credentials are named, or the variable is not set; so do the others.
        """
        return self._named("USER")

    @property
    def password(self) -> str:
        """<prefix>_PASSWORD."""
        return self._named("PASSWORD")

    @property
    def token(self) -> str:
        """<prefix>_TOKEN."""
        return self._named("TOKEN")

    def has(self, what: str) -> bool:
        """Whether the environment holds one of USER, PASSWORD, TOKEN."""
        return bool(self.credentials and os.environ.get(f"{self.credentials}_{what}"))

    @property
    def has_files(self) -> bool:
        """Whether a file of TLS is named."""
        return bool(self.ca_file or self.cert_file or self.key_file)

    def ssl_context(self) -> ssl.SSLContext:
        """TLS 1.2 or later. The server is verified always; there is no setting that skips it.

        Raises:
            SettingsError: a file is missing, is no PEM file, or key and certificate are not a pair.
        """
        for key in ("ca_file", "cert_file", "key_file"):
            path = getattr(self, key)
            if path and not Path(path).is_file():
                raise SettingsError(f"{self.where} {key}", f"there is no file {path}", "name a PEM file")
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.cert_file:
                # without the empty password a protected key would be asked for on the terminal
                context.load_cert_chain(self.cert_file, self.key_file, password="")
        except (ssl.SSLError, OSError, ValueError) as error:
            key = "cert_file" if self.cert_file else "ca_file"
            remedy = "name PEM files that belong together; a key must not be protected by a password"
            raise SettingsError(f"{self.where} {key}", f"it cannot be used ({error})", remedy) from error
        return context

    def _named(self, what: str) -> str:
        if not self.credentials:
            remedy = f'write credentials = "PREFIX" and set PREFIX_{what} in the environment'
            raise SettingsError(f"{self.where} credentials", f"a {what.lower()} is needed", remedy)
        name = f"{self.credentials}_{what}"
        value = os.environ.get(name)
        if not value:
            raise SettingsError(f"{self.where} credentials", f"{name} is not set", f"set {name} in the environment of the stream")
        return value


def take_access(block: Block, base: Path) -> Access:
    """Take `credentials`, `ca_file`, `cert_file` and `key_file` from a source block.

    Args:
        base: folder of citylake.toml; relative files start there.
    """
    credentials = block.take("credentials", str)
    if credentials is not None and not credentials.isidentifier():
        remedy = "name the prefix of environment variables, such as CITY_MQTT for CITY_MQTT_USER and CITY_MQTT_PASSWORD"
        raise SettingsError(f"{block.where} credentials", f"{credentials!r} is no prefix", remedy)
    files = {key: block.take(key, str) for key in ("ca_file", "cert_file", "key_file")}
    paths = {key: os.path.abspath(base / value) if value else None for key, value in files.items()}
    if paths["key_file"] and not paths["cert_file"]:
        raise SettingsError(f"{block.where} key_file", "a key without its certificate", "name cert_file too")
    return Access(credentials, where=block.where, **paths)


@dataclass(frozen=True)
class Server:
    """Host and port of a uri."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def server(where: str, uri: str, default_port: int) -> Server:
    """Host and port of a broker's uri.

    Raises:
        SettingsError: it holds a user, a password, a path or a query, or names no host.
    """
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingsError(f"{where} uri", f"it is no address ({error})", "write scheme://host:port") from error
    if parts.username is not None or parts.password is not None:
        remedy = 'write credentials = "PREFIX" and set PREFIX_USER and PREFIX_PASSWORD in the environment'
        raise SettingsError(f"{where} uri", "it holds a user or a password", remedy)
    if not host:
        raise SettingsError(f"{where} uri", f"{uri!r} names no host", "write scheme://host:port")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise SettingsError(f"{where} uri", f"{uri!r} has more than host and port", "write scheme://host:port")
    return Server(host, port or default_port)
