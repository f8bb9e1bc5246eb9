"""Traffic detectors' JSON lines: what a day's passing vehicles look like on the wire, faults and all.

Where detectors stand and what passes them is in detectors.py.
"""

import numpy as np
import polars as pl

from pipelines.simulator.detectors import passing
from pipelines.simulator.faults import NONE, THIRTY_YEARS_S, FaultRates, draw, some, stretch, within
from pipelines.simulator.outbox import BAD_UTF8
from pipelines.simulator.sent import Sent, booked, flags, instant, lasting, named, stamped
from schemas.city import City

KINDS = (
    "repeat", "correction", "late_minutes", "late_hours", "new_field", "text_number", "float_count", "unreadable_number",
    "missing_value", "sentinel", "future", "ms_for_s", "truncated", "nul_bytes", "not_utf8", "array_line", "nan",
)  # fmt: skip
SENTINELS = (
    ("count", "-1"), ("count", "65535"), ("speed", "-1"), ("speed", "255"), ("speed", "327.67"),
    ("occupancy", "-1"), ("occupancy", "255"), ("occupancy", "65535"),
)  # fmt: skip


def day(
    rng: np.random.Generator,
    city: City,
    sensors: pl.DataFrame,
    start: int,
    end: int,
    rates: FaultRates,
    incidents: pl.DataFrame | None = None,
) -> Sent:
    """All that the detectors send about [start, end), epoch seconds."""
    n, hours = sensors.height, (1.0, 5.0)
    windows = {k: stretch(rng, some(rng, getattr(rates, k), n), start, end, hours) for k in ("drop_out", "stuck", "chatter")}
    rows = passing(rng, city, sensors, start, end, incidents)
    return _send(rng, sensors, rows, windows, rates)


def backlog(
    rng: np.random.Generator, city: City, sensors: pl.DataFrame, start: int, before: int, rates: FaultRates, rows: int
) -> Sent | None:
    """Whole hours of the day that begins at `before`, resent after `start` by as many detectors as the rate asks for."""
    wanted = rates.late_weeks * rows
    per_sensor = sensors.select(rows=pl.col("lanes") * 3600 / pl.col("interval_s"))["rows"].to_numpy().mean()
    if not wanted:
        return None
    few = sensors.sample(min(sensors.height, max(1, round(wanted / per_sensor))), seed=int(rng.integers(2**31)))
    begin = before + 10 * 3600
    passed = passing(rng, city, few, begin, begin + 3600)
    sent = _send(rng, few, passed, {}, FaultRates.none(), received_s=start + 6 * 3600)
    sent.faults["late_weeks"] += passed.height
    sent.keys = sent.keys.with_columns(pl.col("fault").fill_null("late_weeks"))
    return sent


def _send(
    rng: np.random.Generator,
    sensors: pl.DataFrame,
    rows: pl.DataFrame,
    windows: dict[str, np.ndarray],
    rates: FaultRates,
    received_s: int | None = None,
) -> Sent:
    local = rows["sensor"].to_numpy()
    index = pl.Series(local)
    at, interval = rows["at"].to_numpy(), rows["interval_s"].to_numpy()
    stretches = {k: within(w, local, at) for k, w in windows.items()}
    dropped, stuck, chatter = (stretches.get(k, np.zeros(len(at), bool)) for k in ("drop_out", "stuck", "chatter"))
    stuck, chatter = stuck & ~dropped, chatter & ~dropped & ~stuck
    chosen = np.where(dropped, NONE, draw(rng, rates, KINDS, len(at)))
    count = rows["count"].to_numpy()
    most = (interval * 30000 + 36000) // 3600 - 1
    said = np.where(stuck, 6 + local % 9, np.where(chatter, np.minimum(count * 4 + 9, most), count))
    scale = sensors["occupancy_factor"].gather(index).to_numpy()
    occupancy = np.where(stuck, 0.12, rows["said_occupancy"].to_numpy())
    destroys, rejected = flags(KINDS, chosen)
    rejected = rejected | (occupancy > 1) | ((chosen == KINDS.index("ms_for_s")) & (interval * 1000 > 86400))
    shift = sensors["clock_offset_s"].gather(index).to_numpy()
    wire = rows.with_columns(
        sensor_id=sensors["sensor_id"].gather(index),
        firmware=sensors["firmware"].gather(index),
        fault=named(KINDS, chosen),
        said=said,
        said_speed=pl.when(pl.Series(stuck)).then(47.0).otherwise("said_speed"),
        said_occupancy=occupancy,
        stamp_s=at + shift,
        received_s=(at + interval + lasting(rng, chosen, KINDS)) if received_s is None else np.full(len(at), received_s) + local,
        is_destroyed=destroys | rejected | dropped | stuck | chatter,
        is_refined=~(rejected | dropped),
        is_dropped=dropped,
    )
    sent = wire.filter(~pl.col("is_dropped"))
    kept = ~dropped
    sent_fault = chosen[kept]
    books = booked(rejected[kept], sent_fault == KINDS.index("repeat"), sent_fault == KINDS.index("correction"))
    speed = sensors["speed_factor"].gather(index)
    truth = wire.select(
        "sensor", "sensor_id", "at", "interval_s", "count",
        speed=rows["said_speed"] * speed,
        occupancy=rows["said_occupancy"] * scale,
        is_destroyed="is_destroyed",
        is_refined="is_refined",
    )  # fmt: skip
    result = Sent(_lines(rng, sent), truth, _keys(wire, dropped, stuck, chatter, occupancy > 1), books=books)
    result.faults.update({k: v for k, v in sent["fault"].cast(pl.String).value_counts().iter_rows() if k})
    masks = {"drop_out": dropped, "stuck": stuck, "chatter": chatter, "percent": (occupancy > 1) & ~dropped}
    masks |= {"mph": (speed.to_numpy() != 1) & ~dropped, "clock_offset": (shift != 0) & ~dropped}
    result.faults.update({k: int(m.sum()) for k, m in masks.items()})
    return result


def _keys(wire: pl.DataFrame, dropped: np.ndarray, stuck: np.ndarray, chatter: np.ndarray, percent: np.ndarray) -> pl.DataFrame:
    masks = {"drop_out": dropped, "stuck": stuck, "chatter": chatter, "percent": percent}
    fault = pl.coalesce(pl.col("fault").cast(pl.String), *(pl.when(pl.Series(m)).then(pl.lit(k)) for k, m in masks.items()))
    return wire.select(
        "sensor_id", pl.col("lane").cast(pl.Int64), observed_at=instant("at"), fault=fault, is_destroyed="is_destroyed",
        is_refined="is_refined",
    )  # fmt: skip


def _lines(rng: np.random.Generator, sent: pl.DataFrame) -> pl.DataFrame:
    """Lines of all rows; repeats and corrections give two."""
    fault = pl.col("fault").cast(pl.String)
    faulty = sent.filter(fault.is_not_null()).with_columns(fault)
    clean = sent.filter(fault.is_null())
    again = faulty.filter(pl.col("fault").is_in(["repeat", "correction"]))
    again = again.with_columns(received_s=pl.col("received_s") + rng.integers(60, 18000, again.height), fault=pl.lit("again"))
    return pl.concat([_text(clean), _faulty_text(rng, pl.concat([faulty, again]))])


def _fields(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        sensor_text=pl.concat_str(pl.lit('"'), "sensor_id", pl.lit('"')),
        stamp_text=stamped(),
        interval_text=pl.col("interval_s").cast(pl.String),
        count_text=pl.col("said").cast(pl.String),
        speed_text=pl.col("said_speed").cast(pl.String).fill_null("null"),
        occupancy_text=pl.col("said_occupancy").cast(pl.String),
    )


def _joined(extra: str | pl.Expr = "") -> pl.Expr:
    more = pl.lit(extra) if isinstance(extra, str) else extra
    return pl.concat_str(
        pl.lit('{"sensor_id":'), "sensor_text", pl.lit(',"lane":'), "lane", pl.lit(',"observed_at":"'), "stamp_text",
        pl.lit('","interval_s":'), "interval_text", pl.lit(',"vehicle_count":'), "count_text",
        pl.lit(',"mean_speed_kmh":'), "speed_text", pl.lit(',"occupancy_share":'), "occupancy_text", more,
        pl.lit(',"observed_share":1.0,"device":{"firmware":"'), "firmware", pl.lit('","uptime_s":'),
        pl.col("at") % 4_000_000, pl.lit(',"battery_v":12.6}}\n'),
    )  # fmt: skip


def _text(frame: pl.DataFrame) -> pl.DataFrame:
    return _fields(frame).select("received_s", line=_joined())


def _faulty_text(rng: np.random.Generator, frame: pl.DataFrame) -> pl.DataFrame:
    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    frame = frame.with_columns(
        said=pl.when(on("correction")).then(pl.col("said") + 3).otherwise("said"),
        said_speed=pl.when(on("correction")).then((pl.col("said_speed") * 0.9).round(1)).otherwise("said_speed"),
        stamp_s=pl.when(on("future")).then(pl.col("stamp_s") + THIRTY_YEARS_S).otherwise("stamp_s"),
        interval_s=pl.when(on("ms_for_s")).then(pl.col("interval_s") * 1000).otherwise("interval_s"),
        variant=rng.integers(0, len(SENTINELS), frame.height),
        cut=rng.integers(12, 150, frame.height),
    )
    frame = _fields(frame)
    for field in ("count", "speed", "occupancy"):
        text = pl.col(f"{field}_text")
        for i, (where, value) in enumerate(SENTINELS):
            if where == field:
                text = pl.when(on("sentinel") & (pl.col("variant") == i)).then(pl.lit(value)).otherwise(text)
        frame = frame.with_columns(text.alias(f"{field}_text"))
    count, number = pl.col("count_text"), pl.col("variant") % 2 == 0
    frame = frame.with_columns(
        count_text=pl.when(on("text_number")).then(pl.concat_str(pl.lit('"'), count, pl.lit('"')))
        .when(on("float_count")).then(pl.concat_str(count, pl.lit(".0")))
        .when(on("unreadable_number")).then(pl.lit('"n/a"'))
        .otherwise(count),
        speed_text=pl.when(on("nan")).then(pl.lit("NaN")).otherwise("speed_text"),
        sensor_text=pl.when(on("missing_value") & number).then(pl.lit("null"))
        .when(on("not_utf8")).then(pl.concat_str(pl.lit('"'), "sensor_id", pl.lit(BAD_UTF8 + '"'))).otherwise("sensor_text"),
        interval_text=pl.when(on("missing_value") & ~number).then(pl.lit("null")).otherwise("interval_text"),
    )  # fmt: skip
    extra = pl.when(on("new_field")).then(pl.lit(',"heavy_vehicles":1,"weather":{"rain":true}')).otherwise(pl.lit(""))
    line = _joined(extra)
    return frame.select(
        "received_s",
        line=pl.when(on("truncated")).then(pl.concat_str(line.str.slice(0, pl.col("cut")), pl.lit("\n")))
        .when(on("nul_bytes")).then(pl.lit("\x00" * 64 + "\n"))
        .when(on("array_line")).then(pl.concat_str(pl.lit("["), line.str.strip_chars_end("\n"), pl.lit("]\n")))
        .otherwise(line),
    )  # fmt: skip
