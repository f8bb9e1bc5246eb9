"""Which PostgreSQL an export goes to, and under which schema: checked before anybody is connected to.

Passwords do not belong here: libpq takes them from PGPASSWORD or the password file (~/.pgpass).
"""

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from schemas.errors import SettingsError

SECRETS = ("password", "sslpassword")
PARAMETERS = (
    "host", "port", "user", "dbname", "connect_timeout", "target_session_attrs", "sslmode", "sslrootcert", "sslcert", "sslkey",
    "sslcrl", "sslcrldir", "sslsni", "channel_binding", "gssencmode", "krbsrvname", "application_name",
)  # fmt: skip
"""The parameters of libpq's URIs that may be given: those that say where the server is, who comes and how it is guarded."""

NAME_BYTES = 63  # PostgreSQL cuts longer names without an error
EXAMPLE = "postgresql://user@host:5432/database"


@dataclass(frozen=True)
class Target:
    """A checked place to export to; its URI holds no secret."""

    uri: str
    schema: str


def target(uri: str, schema: str | None, city: str, where: str) -> Target:
    """Check a place.

    Args:
        schema: the schema that holds the lake's tables; by default it is named after the city.
        where: where the URI was given, for errors.

    Raises:
        SettingsError: without repeating a URI that may hold a password.
    """
    _check_uri(uri, where)
    return Target(uri, _checked_schema(schema, where) if schema is not None else _named_after(city, where))


def _check_uri(uri: str, where: str) -> None:
    if any(c.isspace() or not c.isprintable() for c in uri) or "#" in uri:
        raise SettingsError(where, "it holds blanks, control characters or #", f"write one such as {EXAMPLE}")
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise SettingsError(where, f"it is no address: {error}", f"write one such as {EXAMPLE}") from error
    if parts.scheme not in ("postgresql", "postgres") or not uri.lower().startswith(f"{parts.scheme}://"):
        raise SettingsError(where, "it is no postgresql:// address", f"write one such as {EXAMPLE}")
    user, _, _ = parts.netloc.rpartition("@")
    given = parse_qsl(parts.query, keep_blank_values=True)
    if ":" in user or "@" in user or any(unquote(name).lower() in SECRETS for name, _ in given):
        remedy = f"take it out, as in {EXAMPLE}; set PGPASSWORD in the environment, or write it into ~/.pgpass"
        raise SettingsError(where, "it holds a password", remedy)
    for name, _ in given:
        if name not in PARAMETERS:
            # anything but a plain name may be a password gone astray
            said = repr(name) if re.fullmatch(r"[a-z_]{1,40}", name) else "one of its parameters"
            raise SettingsError(where, f"{said} cannot be given here", f"use some of {', '.join(PARAMETERS)}")


def _checked_schema(schema: str, where: str) -> str:
    at = f"{where}, schema"
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
        raise SettingsError(at, f"{schema!r} is no plain name", "use at most 63 of a-z, 0-9 and _, and begin with a letter")
    if schema in ("public", "information_schema") or schema.startswith("pg_"):
        raise SettingsError(at, f"{schema!r} is PostgreSQL's own", 'name one for the lake alone, such as "citylake"')
    return schema


def _named_after(city: str, where: str) -> str:
    """The city's name as a plain one: "Zürich Süd" -> "zurich_sud"."""
    plain = unicodedata.normalize("NFKD", city).encode("ascii", "ignore").decode().lower()
    return _checked_schema(re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:NAME_BYTES] or "citylake", where)
