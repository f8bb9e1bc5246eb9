"""Takes the dictionary's example rows from the samples and golden cases: `python -m tests.dictionary.examples` writes them.

Rows of feeds are samples as they come; rows of reference tables stand in golden cases; rows of metrics are measured from such
a case, whose values test_golden holds against what was worked by hand.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from assets.dependencies import said, thresholds_read
from assets.dictionary.entry import packaged_limits
from schemas import registry
from tests.alerts.conftest import Place
from tests.metrics.conftest import GOLDEN, Town, _upstream, expand, golden

TESTS = Path(__file__).parents[1]
FILE = TESTS.parent / "assets" / "dictionary" / "examples.json"


def collect(folder: Path, before: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Every example by `layer.name`: `from`, relative to the repository, and `row`.

    Of metrics, and of alerts, only those are made again whose case or SQL is not what it was `before`: `digest` tells.
    """
    found: dict[str, dict[str, Any] | None] = {f"feed.{n}": of_feed(n) for n in registry.feeds()}
    found |= {f"reference.{n}": of_reference(n, folder) for n in registry.references()}
    for name in filter(golden, registry.metrics()):
        old, wanted = before.get(f"metric.{name}", {}), digest(name)
        same = old.get("digest") == wanted
        found[f"metric.{name}"] = old if same else {**of_metric(name, folder / name), "digest": wanted}
    found["metric.alerts"] = of_alerts(folder / "alerts")
    return {name: row for name, row in found.items() if row is not None}


def digest(metric: str) -> str:
    """Changes with the metric's first case, its columns, its SQL, and that of the metrics it reads, with their thresholds."""
    limits = packaged_limits()
    told: list[Any] = [golden(metric)[0], list(registry.metrics()[metric].polars_schema("metrics"))]
    for name in sorted(_upstream(metric)):
        told += [said(name), [(n, limits[n]["value"]) for n in sorted(thresholds_read(name)) if n in limits]]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def before() -> dict[str, dict[str, Any]]:
    """The examples as they are in the package."""
    return json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}


def of_feed(name: str) -> dict[str, Any] | None:
    """The sample that says most and nothing that no column takes, as it comes."""
    samples = [(p, json.loads(p.read_text("utf-8"))) for p in sorted((TESTS / "samples" / name).glob("*.pass.json"))]
    rows = [(p, r) for p, r in samples if isinstance(r, dict) and r.keys() <= set(registry.feed(name).names)]
    return _told(*max(rows, key=lambda s: len(s[1]))) if rows else None


def of_reference(name: str, folder: Path) -> dict[str, Any] | None:
    """The row of the golden cases that says most and has all that the table needs; defaults stand in as they do when loaded."""
    contract, town = registry.references()[name], Town(folder / "reference", "UTC")
    wanted = {c.name for c in contract.columns if not c.may_be_absent}
    rows = [(p, {"valid_from": "2026-01-01T00:00:00+00:00"} | r if "valid_from" in contract else r) for p, r in _referred(name)]
    whole = [(p, r) for p, r in rows if wanted <= r.keys()]
    if not whole:
        return None
    path, row = max(whole, key=lambda s: (len(s[1]), str(s[0])))
    [full] = town.frame(f"reference.{name}", [row]).rows(named=True)
    return _told(path, {k: v for k, v in full.items() if v is not None})


def _referred(name: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted([*GOLDEN.glob("*/*.json"), *(TESTS / "alerts" / "golden").glob("*/*.json")]):
        case = json.loads(path.read_text("utf-8"))
        for row in (*case.get("input", {}).get(f"reference.{name}", []), *case.get("reference", {}).get(name, [])):
            yield path, row


def of_metric(name: str, folder: Path) -> dict[str, Any]:
    """The expected row with most to say, as the metric measures it from the first case of its name."""
    case = golden(name)[0]
    town, day = Town(folder, case["zone"]), date.fromisoformat(case["day"])
    town.take(case)
    rows = town.measure(name, day).select(registry.metrics()[name].polars_schema("metrics").keys())
    row = max(rows.rows(named=True), key=lambda r: sum(v is not None for v in r.values()))
    return _told(GOLDEN / name / case["file"], row)


def of_alerts(folder: Path) -> dict[str, Any]:
    """The first alert that the first case of the rules raises."""
    path = min((TESTS / "alerts" / "golden").glob("*/*.json"))
    case, contract = json.loads(path.read_text("utf-8")), registry.kernel()["alerts"]
    place = Place(folder, [path.parent.name])
    for table, rows in case.get("reference", {}).items():
        place.refer(table, rows)
    for step in case["steps"]:
        now = datetime.fromisoformat(step["at"])
        for feed, rows in step.get("land", {}).items():
            place.land(feed, expand(rows, registry.feed(feed).event_time or ""), received_at=now)
        if place.ask(now):
            break
    frame = place.written().select(contract.polars_schema("metrics").keys())
    return _told(path, frame.rows(named=True)[0])


def _told(path: Path, row: dict[str, Any]) -> dict[str, Any]:
    return {"from": path.relative_to(TESTS.parent).as_posix(), "row": {k: _plain(v) for k, v in row.items()}}


def _plain(value: Any) -> Any:
    """A value as JSON has it: instants in UTC, and floats with 12 digits, so that no machine tells."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value.tzinfo else value.isoformat()
    if isinstance(value, float):
        return float(f"{value:.12g}")
    return value.isoformat() if isinstance(value, date) else value


def text(found: dict[str, dict[str, Any]]) -> str:
    """The file's text."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file."""
    with tempfile.TemporaryDirectory() as folder:
        FILE.write_text(text(collect(Path(folder), before())), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
