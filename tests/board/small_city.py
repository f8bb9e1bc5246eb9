"""A city of four detectors, three lamps and three districts, whose every number is known, exported and put on the board.

What the pages must say of it is each page's test's.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from assets.exports.catalog import export
from schemas import ledger, registry
from schemas.alerts import CONTRACT as ALERTS
from schemas.city import City
from schemas.contract import QUARANTINE, Contract
from schemas.lake import Lake, Step

CITY = City("Smallville", "Europe/Berlin", 8)
DAYS = (date(2025, 3, 1), date(2025, 3, 2))
AT = datetime(2025, 3, 3, 12, tzinfo=UTC)
EVIL = "<img src=x onerror=alert(1)>"
SECRET = "0170 1234567"
SINCE = datetime(2020, 1, 1, tzinfo=UTC)
NEVER = {"string": "x", "instant": AT, "local_time": AT.replace(tzinfo=None), "date": DAYS[0], "bool": False}
DETECTORS = {
    "D1": (52.50, 13.40, "West"),
    "D2": (52.501, 13.401, "West"),
    "D3": (52.50, 13.46, "East"),
    "D4": (None, None, "East"),
}
LAMPS = {"L1": (52.51, 13.41, "West"), "L2": (52.511, 13.411, "West"), "L3": (52.49, 13.47, "East")}
OUTLINES = {
    "West": "POLYGON ((13.38 52.48, 13.44 52.48, 13.44 52.52, 13.38 52.52, 13.38 52.48))",
    "North": "POLYGON ((13.38 52.52, 13.50 52.52, 13.50 52.56, 13.38 52.56, 13.38 52.52))",
    "East": "POLYGON ((13.44 52.48, 13.44 52.52, 13.50 52.52, 13.50 52.48, 13.44 52.48))",
}


def frame(contract: Contract, layer: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Rows with the columns of a contract; what they do not say is empty, or 0 where it must not be."""
    schema = contract.polars_schema(layer)
    never = {c.name: NEVER.get(c.kind, 0) for c in contract.stage_columns(layer) if not c.nullable}
    return pl.DataFrame([{n: r.get(n, never.get(n)) for n in schema} for r in rows], schema=schema)


def refer(lake: Lake, name: str, rows: list[dict[str, Any]]) -> None:
    """Make rows a reference table."""
    contract = registry.references()[name]
    filled = [{c.name: c.default for c in contract.columns if c.default is not None} | {"valid_from": SINCE} | r for r in rows]
    part = lake.write_part("reference", name, None, "a", frame(contract, "reference", filled))
    lake.replace_table("reference", name, contract.arrow_schema("reference"), part)


def put(lake: Lake, contract: Contract, layer: str, rows: list[dict[str, Any]]) -> None:
    """Make rows the days' partitions."""
    every = frame(contract, layer, rows)
    parts = [
        lake.write_part(layer, contract.name, d, "a", every.filter(pl.col("event_date") == d))
        for d in every["event_date"].unique()
    ]
    lake.replace(layer, contract.name, contract.arrow_schema(layer), parts)


def traffic() -> Iterator[dict[str, Any]]:
    """An hourly row of each detector; one knows no speed."""
    for day in DAYS:
        for n, (detector, (_, _, district)) in enumerate(DETECTORS.items(), 1):
            for hour in (7, 8):
                at = CITY.day_start(day).astimezone(UTC) + timedelta(hours=hour)
                volume = 100.0 * n + hour + day.day
                weight = None if (detector, hour) == ("D2", 8) else volume
                yield {
                    "event_date": day, "sensor_id": detector, "bin_at": at, "local_time": datetime(2025, 3, day.day, hour),
                    "district": district, "n": 60, "coverage_share": 0.5 + n / 10, "volume_veh": volume, "speed_weight": weight,
                    "slowness_sum_h_km": volume / (20.0 * n), "level_of_service": "ABCD"[n - 1],
                }  # fmt: skip


def alerts() -> list[dict[str, Any]]:
    """Five alerts: two open, one of them where nobody knows."""
    out, number = [], 0
    for n, (place, rule, severity) in enumerate(
        [
            ("D1", "silent", "warning"),
            ("D3", "silent", "warning"),
            ("L1", "dark", "info"),
            ("L3", "dark", "critical"),
            ("X9", "dark", "info"),
        ]
    ):
        started = datetime(2025, 3, 1 + n % 2, 10 + n, tzinfo=UTC)
        lat, lon, _ = (DETECTORS | LAMPS).get(place, (None, None, None))
        row = {
            "event_date": started.date(), "alert_id": f"a{n}", "rule": rule, "severity": severity, "place_id": place,
            "place_kind": "sensor" if place[0] == "D" else "lamp", "h3_cell": cell_of(lat, lon), "started_at": started,
            "event_at": started + timedelta(seconds=30), "value": 3.5, "threshold_value": 2.0, "unit": "h",
            "message": f"{place} {EVIL}", "causes": '[{"feed": "streetlights", "source": "in/x.csv", "position": 7}]',
        }  # fmt: skip
        raised = started + timedelta(seconds=31 + n * n)
        for state, at, closed in [("opened", raised, None), *([("closed", raised, raised)] if n not in (1, 3) else [])]:
            number += 1
            out.append(row | {"state": state, "number": number, "raised_at": at, "closed_at": closed})
    return out


def cell_of(lat: float | None, lon: float | None) -> str | None:
    """The H3 cell of a place."""
    import polars_h3

    if lat is None:
        return None
    return str(pl.select(polars_h3.latlng_to_cell(pl.lit(lat), pl.lit(lon), CITY.h3_resolution, return_dtype=pl.String)).item())


def crashes() -> list[dict[str, Any]]:
    """Two districts with many crashes, and one with so few that they are withheld, and those of another with them.

    Of the one that is told, crashes with possible injuries are too few to be.
    """
    few = {"n": 3, "killed_crashes": 1, "minor_crashes": 2}
    many = {"n": 60, "killed_crashes": 20, "minor_crashes": 36, "possible_crashes": 4, "killed": 20, "injured": 55}
    many["ksi_crashes"] = 20
    month = {"event_date": DAYS[0], "coverage_share": 1.0}
    return [month | {"district": "West"} | many, month | {"district": "North"} | many, month | {"district": "East"} | few]


def fill(lake: Lake) -> None:
    """Write the city into a lake; the books of one day are off by two rows."""
    metrics = registry.metrics()
    refer(lake, "sensors", [{"sensor_id": s, "lat": a, "lon": o, "district": d} for s, (a, o, d) in DETECTORS.items()])
    refer(lake, "lamps", [{"lamp_id": s, "lat": a, "lon": o, "district": d} for s, (a, o, d) in LAMPS.items()])
    refer(lake, "districts", [{"district": d, "polygon_wkt": w} for d, w in OUTLINES.items()])
    put(lake, metrics["traffic_hourly"], "metrics", list(traffic()))
    put(lake, metrics["crash_severity"], "metrics", crashes())
    lamp = {"n": 10, "coverage_share": 1.0}
    nights = [
        {"event_date": d, "lamp_id": n, "district": p, "lamps_out": int(n != "L2" or d == DAYS[0])}
        for d in DAYS
        for n, (*_, p) in LAMPS.items()
    ]
    put(lake, metrics["streetlight_daily"], "metrics", [lamp | night for night in nights])
    verdicts = {"D1": "good", "D2": "stuck", "D3": "good", "D4": "silent"}
    judged = [
        {
            "event_date": d,
            "feed": "traffic_flow",
            "sensor_id": s,
            "district": DETECTORS[s][2],
            "verdict": v,
            "coverage_share": 1.0,
            "n": 5,
        }
        for d in DAYS
        for s, v in verdicts.items()
    ]
    put(lake, metrics["sensor_health_daily"], "metrics", judged)
    put(lake, ALERTS, "metrics", alerts())
    refuse(
        lake,
        "traffic_flow",
        [
            (DAYS[0], "out_of_range", "mean_speed_kmh", EVIL),
            (DAYS[0], "missing", "sensor_id", "null"),
            (None, "malformed", None, "{,"),
        ],
    )
    refuse(lake, "emergency_calls", [(DAYS[1], "wrong_form", "call_type", SECRET)])
    land = [ledger.Tally("land", "traffic_flow", DAYS[0], 12, 8, 2), ledger.Tally("land", "traffic_flow", None, 1, 0, 1),
            ledger.Tally("land", "emergency_calls", DAYS[1], 1, 0, 1)]  # fmt: skip
    ledger.record(lake, "l", land, AT)
    for n, kept in enumerate((5, 7)):
        again = ledger.Tally("refine", "traffic_flow", DAYS[1], kept, kept, cause=("landed", "restated")[n])
        ledger.record(lake, f"r{n}", [again], AT + timedelta(hours=n))
    raw = registry.feeds()["traffic_flow"]
    put(lake, raw, "raw", [{"event_date": DAYS[0], "sensor_id": "D1", "lane": str(n), "observed_at": AT} for n in range(8)])
    put(lake, raw, "refined", [{"event_date": DAYS[1], "sensor_id": "D1", "lane": str(n), "observed_at": AT} for n in range(7)])


def refuse(lake: Lake, feed: str, said: list[tuple[date | None, str, str | None, str]]) -> None:
    """Put rows into quarantine: day, code, column, what was found; the payload says it, too."""
    rows = [
        {"event_date": d, "stage": "land", "code": code, "column": c, "found": f, "expected": "better", "payload": f,
         "_source": "in/x.csv",
         "_position": n, "_received_at": AT, "_landed_at": AT, "_contract_version": 1}
        for n, (d, code, c, f) in enumerate(said)
    ]  # fmt: skip
    every = pl.DataFrame(rows, schema={c.name: c.dtype for c in QUARANTINE})
    days = every["event_date"].unique()
    parts = tuple(
        lake.write_part("quarantine", feed, d, f"q{i}", every.filter(pl.col("event_date").eq_missing(d)))
        for i, d in enumerate(days)
    )
    lake.append("quarantine", feed, every.to_arrow().schema, [Step("q", 0, 1, parts)])


def exported(folder: Path) -> tuple[Lake, Path]:
    """The city in a lake of its own, exported; the lake and the folder of exports."""
    lake = Lake(folder / "a lake")
    fill(lake)
    export(lake, CITY, at=AT)
    return lake, lake.exports()
