"""The kinds of live sources by the scheme of their uri. A new kind is a module here and a line in KINDS.

Each module has ``options(where, uri, block, base) -> Options`` (checks the block, raises SettingsError),
``origin(options) -> str`` (what `_source` and the ledger call it; no secrets), ``open_tap(options, place) -> Tap``,
and says in ``REPLAYS`` whether its broker can be asked again for a position. Where several readers of one origin count
their own batches, ``writer(options) -> str`` tells them apart.
"""

import importlib
from typing import Any

KINDS = {
    "mqtt": "mqtt",
    "mqtts": "mqtt",
    "nats": "jetstream",
    "nats+tls": "jetstream",
    "kafka": "kafka",
    "http": "http_poll",
    "https": "http_poll",
    "push": "http_push",
}


def is_live(uri: str) -> bool:
    """Whether a uri names a live source."""
    return uri.partition("://")[0] in KINDS and "://" in uri


def kind(uri: str) -> Any:
    """The module that knows the uri's scheme. Broker clients are imported no sooner than here."""
    return importlib.import_module(f"pipelines.sources.{KINDS[uri.partition('://')[0]]}")
