"""A webhook: each change of an alert as a signed POST. Retrying and order are the courier's business.

Signature and headers: Standard Webhooks 1.0.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`), and
`Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).
"""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests

from dagster_project.live.deliver import Refused, Undelivered, body, event_key
from schemas.errors import SettingsError

CONNECT_S, READ_S = 5.0, 10.0
NEVER = {400, 413, 422}
"""Answers that are about this very alert: the target understood it, and the same bytes would get the same answer."""
LONGEST_ASKED_S = 300.0
PREFIX = "whsec_"


def key_bytes(key: str) -> bytes:
    """A key as bytes: base64 after `whsec_`, else the text itself."""
    if not key.startswith(PREFIX):
        return key.encode()
    try:
        return base64.b64decode(key.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise SettingsError("[alerts] webhook key", "after whsec_ it is no base64", "correct the environment variable") from error


def signature(key: bytes, identity: str, timestamp: str, content: bytes) -> str:
    """HMAC-SHA256 over id, timestamp and body, as `v1,<base64>`."""
    signed = b".".join((identity.encode(), timestamp.encode(), content))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Webhook:
    """A target over https, or http on this machine. Redirects are not followed: they could lead anywhere."""

    def __init__(self, url: str, key: str, ca_file: str | None = None, clock: Callable[[], float] = time.time) -> None:
        self._url, self._key, self._clock = url, key_bytes(key), clock
        self._session = requests.Session()
        self._session.trust_env = False  # no credentials out of a .netrc
        self._session.proxies = requests.utils.get_environ_proxies(url)  # type: ignore[assignment]
        self._session.verify = ca_file or True

    @property
    def address(self) -> str:
        """Scheme, host and path; a query may hold a token."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    def send(self, row: dict[str, Any]) -> None:
        """Post one row."""
        content, identity, timestamp = body(row), event_key(row), str(int(self._clock()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "citylake",
            "Idempotency-Key": identity,
            "webhook-id": identity,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature(self._key, identity, timestamp, content),
        }
        try:
            # the answer's body is not read: only its status matters, and it may be endless
            answer = self._session.post(
                self._url, data=content, headers=headers, timeout=(CONNECT_S, READ_S), allow_redirects=False, stream=True
            )
        except requests.RequestException as error:
            raise Undelivered(_short(error)) from error
        with answer:
            if answer.ok and not answer.is_redirect:
                return
            if answer.status_code in NEVER:
                raise Refused(f"it answered {answer.status_code}")
            hint = " (a redirect, which is not followed)" if answer.is_redirect else ""
            raise Undelivered(f"it answered {answer.status_code}{hint}", _asked_to_wait(answer))

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()


def _asked_to_wait(answer: requests.Response) -> float:
    asked = answer.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_ASKED_S) if asked.isdigit() else 0.0


def _short(error: requests.RequestException) -> str:
    kinds = {requests.Timeout: "no answer in time", requests.exceptions.SSLError: "its certificate is not trusted"}
    known = next((text for kind, text in kinds.items() if isinstance(error, kind)), None)
    return known or ("it cannot be reached" if isinstance(error, requests.ConnectionError) else type(error).__name__)
