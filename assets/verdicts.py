"""What the gates said of partitions, kept beside the lake's tables: where it is, and whether it still speaks of what is there.

Asking gates is `dagster_project.verdicts`', judging `assets.checks`'.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Literal

from schemas import registry
from schemas.lake import File, Lake
from schemas.parts import weigh
from schemas.storage import file_system

FOLDER = "verdicts"
Verdict = Literal["passed", "warning", "critical"]


def digests(layer: str, name: str, files: Iterable[File]) -> dict[date, str]:
    """Day to the identity of what a gate would judge: what the day's visible files hold, and the contract."""
    contract = registry.table_contracts()[f"{layer}.{name}"]
    paths: dict[date, list[str]] = {}
    for file in files:
        if file.event_date and file.rows:  # of an empty day there is nothing to judge
            paths.setdefault(file.event_date, []).append(file.path)
    return {d: hashlib.sha256(f"{contract!r}|{weigh(p):x}".encode()).hexdigest()[:20] for d, p in sorted(paths.items())}


def known(lake: Lake, layer: str, name: str, current: Mapping[date, str]) -> dict[date, Verdict]:
    """Verdicts on partitions as they are now, by their `digests`; a day that changed since has none."""
    remembered = read(lake, layer, name)
    found = {d: remembered.get(f"{d} {i}") for d, i in current.items()}
    return {d: v for d, v in found.items() if v is not None}


def read(lake: Lake, layer: str, name: str) -> dict[str, Verdict]:
    """Everything remembered of a table: "day digest" to verdict."""
    store, path = file_system(_uri(lake, layer, name))
    try:
        with store.open_input_stream(path) as stream:
            return dict(json.loads(stream.read()))
    except (OSError, ValueError):
        return {}


def write(lake: Lake, layer: str, name: str, remembered: Mapping[str, Verdict]) -> None:
    """Remember this of a table, and nothing else."""
    store, path = file_system(_uri(lake, layer, name))
    store.create_dir(path.rpartition("/")[0], recursive=True)
    with store.open_output_stream(path) as stream:
        stream.write(json.dumps(remembered, indent=0, sort_keys=True).encode())


def _uri(lake: Lake, layer: str, name: str) -> str:
    return f"{lake.root}/{FOLDER}/{layer}.{name}.json"
