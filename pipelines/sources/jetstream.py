"""NATS JetStream as a live source: its settings in citylake.toml, checked. How a stream is read is `jetstream_tap`.

Positions are sequences of the stream. The lake knows which it has; the broker keeps no account of it and is acknowledged nothing.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.sources.block import Block
from pipelines.sources.secrets import Access, Server, server, take_access
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from pipelines.live.tap import Place, Tap

REPLAYS = True
"""Messages can be asked for again, as long as the stream keeps them."""

PORT = 4222


@dataclass(frozen=True)
class Options:
    """A source block's own settings.

    Attributes:
        stream: None for the stream that has the first of the subjects.
        subjects: filters with * and >; empty for all of the stream.
        start: where a lake begins that has nothing of the stream: earliest or latest.
        batch: most messages asked for at once.
        creds_file, nkey_file: absolute paths of a NATS credentials file (JWT and seed), of a seed alone.
    """

    where: str
    server: Server
    is_tls: bool
    stream: str | None
    subjects: tuple[str, ...]
    start: str
    batch: int
    creds_file: str | None
    nkey_file: str | None
    access: Access


def options(where: str, uri: str, block: Block, base: Path) -> Options:
    """Check a source block's own keys.

    Raises:
        SettingsError: with the place in the toml, what was found and what to do.
    """
    is_tls = uri.partition("://")[0] == "nats+tls"
    stream, subject = block.take("stream", str), block.take("subject", (str, list))
    subjects = (subject,) if isinstance(subject, str) else tuple(subject or ())
    if stream is None and not subjects:
        raise SettingsError(where, "neither stream nor subject", 'write stream = "<name>", or subject = "city.flow.*"')
    if stream is not None and not re.fullmatch(r"[^\s.*>/\\\x00]+", stream):
        raise SettingsError(f"{where} stream", f"{stream!r} is no stream's name", "it has no spaces, dots, slashes or wildcards")
    for one in subjects:
        if not isinstance(one, str) or not re.fullmatch(r"([^\s.*>\x00]+|\*)(\.([^\s.*>\x00]+|\*))*(\.>)?|>", one):
            remedy = "write one such as city.flow.* or city.>; * and > stand for whole tokens"
            raise SettingsError(f"{where} subject", f"{one!r} is no subject", remedy)
    batch = block.take("batch", int, 10_000)
    if not 1 <= batch <= 1_000_000:
        raise SettingsError(f"{where} batch", f"{batch} is out of range", "write 1 to 1000000")
    access = take_access(block, base)
    if not is_tls and access.has_files:
        raise SettingsError(f"{where} uri", "certificates with an unencrypted address", "write nats+tls://")
    files = {key: block.take(key, str) for key in ("creds_file", "nkey_file")}
    if sum(map(bool, (access.credentials, *files.values()))) > 1:
        raise SettingsError(where, "more than one of credentials, creds_file and nkey_file", "keep one of them")
    return Options(
        where=where,
        server=server(where, uri, PORT),
        is_tls=is_tls,
        stream=stream,
        subjects=subjects,
        start=block.take("start", str, "earliest", ("earliest", "latest")),
        batch=batch,
        access=access,
        **{key: os.path.abspath(base / value) if value else None for key, value in files.items()},
    )


def origin(spec: Options) -> str:
    """What `_source` and the ledger call it."""
    words = [*([spec.stream] if spec.stream else []), *([",".join(spec.subjects)] if spec.subjects else [])]
    return f"nats{'+tls' if spec.is_tls else ''}://{spec.server}/{'/'.join(words)}"


def open_tap(spec: Options, place: "Place") -> "Tap":
    """Connect and go on connecting.

    Raises:
        SettingsError: an environment variable, a file or the package `nkeys` is missing.
    """
    from pipelines.sources.jetstream_tap import JetStreamTap

    return JetStreamTap(spec, place)
