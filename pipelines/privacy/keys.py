"""Keys of pseudonyms, by purpose. They come from the environment or a file it names, never from citylake.toml.

A key is read where it is used, on whatever machine that is, and kept nowhere: it is in no pickle, log, error or table.
"""

import hmac
import os
import secrets
from collections.abc import Iterable, MutableMapping
from pathlib import Path

from schemas.contract import Contract
from schemas.errors import SettingsError
from schemas.privacy import KEY_BYTES, key_name


def key(purpose: str) -> bytes:
    """The key of a purpose: the bytes of CITYLAKE_KEY_<PURPOSE>, or of the file that CITYLAKE_KEY_<PURPOSE>_FILE names.

    Raises:
        SettingsError: it is not there or too short; the variable is named, its value is not.
    """
    name = key_name(purpose)
    where, found = f"the key of purpose {purpose!r}", os.environ.get(name, "").encode("utf-8", "surrogateescape")
    if not found and (file := os.environ.get(f"{name}_FILE")):
        name = f"{name}_FILE"
        try:
            found = Path(file).read_bytes().rstrip(b"\r\n")
        except OSError as error:
            raise SettingsError(where, f"the file that {name} names cannot be read ({error.strerror})", "correct it") from None
    if not found:
        remedy = f"set {name} in the environment to {KEY_BYTES} random bytes or more, such as those of `openssl rand -hex 32`"
        raise SettingsError(where, f"{name} is not set", remedy)
    if len(found) < KEY_BYTES:
        raise SettingsError(where, f"{name} has {len(found)} bytes", f"use {KEY_BYTES} random bytes or more")
    return found


def demand(contract: Contract) -> None:
    """Raise SettingsError where a key that the contract's pseudonyms need is not there."""
    for purpose in contract.purposes:
        try:
            key(purpose)
        except SettingsError as error:
            raise SettingsError(f"feed {contract.name}, {error.where}", error.found, error.remedy) from None


def of_day(master: bytes, day: str) -> bytes:
    """The key of a day (2026-05-01): who has it, and not the purpose's own, can link no other day's pseudonyms."""
    return hmac.digest(master, day.encode(), "sha256")


def throw_away(contracts: Iterable[Contract], environment: MutableMapping[str, str] = os.environ) -> list[str]:
    """Set keys that nobody keeps where there are none, for this process and its children; the names of those set."""
    names = [key_name(p) for p in sorted({p for c in contracts for p in c.purposes})]
    missing = [n for n in names if not environment.get(n) and not environment.get(f"{n}_FILE")]
    for name in missing:
        environment[name] = secrets.token_hex(KEY_BYTES)
    return missing
