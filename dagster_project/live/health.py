"""Is every live source running, and is it up to date? Asked by /healthz; counts belong to `prometheus`."""

from collections.abc import Sequence
from typing import Any

from pipelines.live.desk import Seen


def wrong(seen: Seen, behind_s: float) -> str | None:
    """Why a source is not healthy, in a few words; None when it is."""
    why = f": {seen.says}" if seen.says else ""
    if seen.state != "running":
        return f"{seen.state}{why}"
    if not seen.is_connected:
        return f"not connected{why}"
    if seen.source_lag_s > behind_s:
        return f"its oldest message waits for {seen.source_lag_s:.0f} s, more than {behind_s:g} s{why}"
    return None


def health(sources: Sequence[Seen], behind_s: float) -> tuple[bool, dict[str, Any]]:
    """Whether all is well, and what /healthz says of it."""
    found = [(f"{s.feed}.{s.name}", s, wrong(s, behind_s)) for s in sources]
    is_well = bool(found) and not any(w for _, _, w in found)
    return is_well, {
        "status": "ok" if is_well else "not ready",
        "sources": {
            place: {"state": s.state, "source_lag_s": round(s.source_lag_s, 3)} | ({"wrong": w} if w else {})
            for place, s, w in found
        },
    }
