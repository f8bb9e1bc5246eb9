"""The section `[stream]` of citylake.toml: how often a stream commits, and who may ask it how it is.

How a stream keeps this pace is said in pipelines.live.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pipelines.live.pace import Pace
from schemas.errors import SettingsError

BOUNDS: dict[str, tuple[Any, float, float, str]] = {
    "commit_s": ((int, float), 0.05, 600, "write seconds from 0.05 to 600, such as 0.5"),
    "commit_bytes": (int, 1 << 10, 1 << 30, "write bytes from 1_024 to 1_073_741_824, such as 25_165_824"),
    "hold_bytes": (int, 1 << 10, 1 << 33, "write bytes from 1_024 to 8_589_934_592, such as 50_331_648"),
    "port": (int, 0, 65535, "write a port from 0 to 65535; 0 takes any that is free"),
    "behind_s": ((int, float), 1, 86_400, "write seconds from 1 to 86_400, such as 60"),
    "restate_s": ((int, float), 10, 86_400, "write seconds from 10 to 86_400, such as 300"),
}


@dataclass(frozen=True)
class StreamSettings:
    """A checked `[stream]`.

    Attributes:
        port: of /metrics and /healthz on 127.0.0.1; 0 takes any that is free.
        behind_s: a source whose oldest message waits longer than this is not healthy.
        restate_s: Dagster builds the days that a stream touched no oftener than this.
    """

    pace: Pace = field(default_factory=Pace)
    port: int = 9464
    behind_s: float = 60.0
    restate_s: float = 300.0


def stream_settings(values: Mapping[str, Any]) -> StreamSettings:
    """Check the section.

    Raises:
        SettingsError: where, what was found and what to do.
    """
    left = sorted(set(values) - set(BOUNDS))
    if left:
        raise SettingsError(f"[stream] {left[0]}", "there is no such setting", f"use one of {', '.join(BOUNDS)}")
    for key, value in values.items():
        kind, least, most, remedy = BOUNDS[key]
        # NaN fails both comparisons
        if isinstance(value, bool) or not isinstance(value, kind) or not least <= float(value) <= most:
            raise SettingsError(f"[stream] {key}", f"{value!r} is not possible", remedy)
    own = StreamSettings()
    pace = Pace(**{f.name: values[f.name] for f in fields(Pace) if f.name in values})
    return StreamSettings(
        pace,
        values.get("port", own.port),
        float(values.get("behind_s", own.behind_s)),
        float(values.get("restate_s", own.restate_s)),
    )
