"""What polls and pushes share of settings: header fields without secrets or line breaks, and who is on this machine.

Speaking HTTP does not belong here.
"""

import base64
import ipaddress
import re
from typing import Any

from pipelines.sources.secrets import Access
from schemas.errors import SettingsError

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VALUE = re.compile(r"[\x20-\x7e]*")
SECRET = re.compile(r"authorization|cookie|token|secret|password|api-?key", re.IGNORECASE)


def check_headers(where: str, headers: dict[str, Any], secret: bool = False) -> tuple[tuple[str, str], ...]:
    """Header fields as they may be sent.

    Args:
        secret: whether fields that carry secrets are meant.

    Raises:
        SettingsError: a name or value that is none (a line break would start another field), or a secret in clear.
    """
    for name, value in headers.items():
        if not NAME.fullmatch(name) or not isinstance(value, str) or not VALUE.fullmatch(value):
            raise SettingsError(f"{where} {name!r}", "no header field", "write a name and one line of plain text")
        if SECRET.search(name) and not secret:
            remedy = f'write credentials = "<PREFIX>", token_header = "{name}", and set <PREFIX>_TOKEN in the environment'
            raise SettingsError(f"{where} {name}", "secrets do not belong into citylake.toml", remedy)
    return tuple(headers.items())


def authorization(access: Access, token_header: str) -> dict[str, str]:
    """The header field that proves who we are; none without credentials.

    Raises:
        SettingsError: credentials are named, but the environment has neither their token nor their user and password,
            or they cannot be sent.
    """
    if not access.credentials:
        return {}
    if access.has("USER") and not access.has("TOKEN"):
        pair = base64.b64encode(f"{access.user}:{access.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    token = access.token
    if not VALUE.fullmatch(token):
        raise SettingsError(
            f"{access.where} credentials", f"{access.credentials}_TOKEN is not one line of plain text", "set it anew"
        )
    return {token_header: f"Bearer {token}" if token_header.lower() == "authorization" else token}


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, and only it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
