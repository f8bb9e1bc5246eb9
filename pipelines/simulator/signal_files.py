"""How makes of signal controllers write their log: CSV lines, a central system's Parquet rows, Econolite's datZ files.

What is logged is in signal_events.py.
"""

import zlib

import numpy as np
import polars as pl

from pipelines.simulator.faults import THIRTY_YEARS_S
from pipelines.simulator.outbox import BAD_UTF8

TYPED = ("repeat", "late_minutes", "late_hours", "missing_value", "future")
TEXT = (*TYPED, "unreadable_number", "truncated", "nul_bytes", "not_utf8", "float_count")
BINARY = ("repeat",)
HEADER = "controller_id,occurred_at,code,parameter\n"
LOG_S = 3600
RECORD = np.dtype([("code", "u1"), ("parameter", "u1"), ("tenths", ">u2")])


def csv_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines of `signal_events.sent` as CSV."""

    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    stamp = _stamp().dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    controller = pl.when(on("not_utf8")).then(pl.concat_str("controller_id", pl.lit(BAD_UTF8))).otherwise("controller_id")
    code = pl.when(on("missing_value")).then(pl.lit("")).otherwise(pl.col("code").cast(pl.String))
    parameter = pl.col("parameter").cast(pl.String)
    parameter = (
        pl.when(on("unreadable_number")).then(pl.lit("n/a"))
        .when(on("float_count")).then(pl.concat_str(parameter, pl.lit(".0"))).otherwise(parameter)
    )  # fmt: skip
    line = pl.concat_str(controller, pl.lit(","), stamp, pl.lit(","), code, pl.lit(","), parameter, pl.lit("\n"))
    return lines.select(
        "received_s",
        line=pl.when(on("truncated")).then(pl.concat_str("controller_id", pl.lit(",2026-\n")))
        .when(on("nul_bytes")).then(pl.lit("\x00" * 24 + "\n"))
        .otherwise(line),
    )  # fmt: skip


def parquet_rows(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines of `signal_events.sent` as typed rows."""
    return lines.select(
        "received_s",
        "controller_id",
        occurred_at=_stamp(),
        code=pl.when(pl.col("fault") != "missing_value").then("code").cast(pl.Int32),
        parameter=pl.col("parameter").cast(pl.Int32),
    )


def _stamp() -> pl.Expr:
    later = pl.when(pl.col("fault") == "future").then(THIRTY_YEARS_S * 1000).otherwise(0)
    return pl.from_epoch(pl.col("at_ms") + later, "ms").dt.replace_time_zone("UTC")


def econolite_logs(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines of `signal_events.sent` of one controller as an hour's datZ files each, on a clock that shows UTC.

    Returns:
        Documents as `archives.Archives` takes them. A repeat stands in the log of its hour.
    """
    hour = pl.col("at_ms") // (LOG_S * 1000)
    logs = lines.sort("at_ms", maintain_order=True).with_columns(hour=hour, tenths=pl.col("at_ms") % (LOG_S * 1000) // 100)
    out = []
    for (number,), log in logs.group_by("hour", maintain_order=True):
        begins = int(number) * LOG_S
        stamp = pl.from_epoch(pl.Series([begins]), "s")
        body = np.empty(log.height, RECORD)
        for name in ("code", "parameter", "tenths"):
            body[name] = log[name].to_numpy()
        at = stamp.dt.strftime("%m-%d-%Y %H:%M:%S.0")[0]
        told = (
            "Version #:,3", f"Intersection #:,{log['controller_id'][0]}", "IP Address:,192.0.2.7",
            f"Controller Data Log Beginning:,{stamp.dt.strftime('%m/%d/%Y,%H:%M:%S.0')[0]}", "Phases in use:,1,2,4,5,6,8",
        )  # fmt: skip
        head = "".join(f"{at},{line}\n" for line in told)
        name = f"ECON_192.0.2.7_{stamp.dt.strftime('%Y_%m_%d_%H%M')[0]}"
        # a compressed log says nothing of when it was made: same seed, same bytes
        out.append((begins + LOG_S + 60, name, zlib.compress(head.encode() + body.tobytes(), 1), log.height))
    schema = {"received_s": pl.Int64, "name": pl.String, "body": pl.Binary, "rows": pl.Int64}
    return pl.DataFrame(out, schema=schema, orient="row")
