"""Devices whose clock is off by a constant: their newest row of each delivery against that of their peers in the same one.

A delivery is what files whose names differ in digits alone, or a stream, bring in a quarter hour. Rows refused as from the
future count: a clock far ahead lives there.
"""

from datetime import date

import duckdb
import numpy as np
import polars as pl

from assets.duck import literal
from assets.forensic_refused import Refused
from assets.forensic_verdicts import Finding, lasting
from assets.reference_days import BY_DAY
from schemas.contract import Contract
from schemas.rejection import Code

DELIVERY_S = 900
BIN_S = 300
MINUTE_S = 60
MANY = 8


def clocks(
    con: duckdb.DuckDBPyConnection, contract: Contract, refused: Refused, limits: dict[str, float]
) -> tuple[list[Finding], int]:
    """Findings about clocks, and for how many devices there were deliveries enough to judge."""
    days = _deliveries(con, contract, refused, limits)
    enough = days.group_by("device").agg(pl.col("n").sum()).filter(pl.col("n") >= limits["doctor_min_batches"])
    days = days.join(enough.select("device"), on="device", how="semi")
    least, tolerance = limits["doctor_clock_min_s"], limits["doctor_clock_tolerance_s"]
    steady = pl.col("steady_n") >= limits["doctor_clock_share"] * pl.col("n")
    # one that speaks seldom is behind its peers by its own silence: an offset must be more than some silences, but where rows
    # are received before they happen
    silence = pl.lit(0.0) if contract.interval else limits["doctor_clock_min_gaps"] * pl.col("gap_s")
    off = (pl.col("offset_s").abs() >= least) & ((pl.col("offset_s").abs() > silence) | (pl.col("lead_s") > 0))
    days = days.with_columns(verdict=pl.when(~off).then(0).when(steady).then(pl.col("offset_s").round().cast(pl.Int64)))
    # the same offset on every day, but for a tolerance: days are named by the device's latest one
    latest = pl.col("verdict").sort_by("event_date").drop_nulls().last().over("device")
    same = (pl.col("verdict") - latest).abs() <= tolerance
    days = days.with_columns(verdict=pl.when(same).then(latest).otherwise("verdict"))
    described = contract.described
    assert described is not None and described.clock is not None
    out = []
    for device, _, since in lasting(days).iter_rows():
        of = days.filter(pl.col("device") == device, pl.col("event_date") >= since)
        n, steady_n = int(of["n"].sum()), int(of["steady_n"].sum())
        if n < limits["doctor_min_batches"]:
            continue
        offset = _whole(float(of.sort("event_date")["offset_s"].median() or 0), tolerance)  # type: ignore[arg-type]
        evidence = f"newest row of {n} deliveries {_span(offset)} than its peers'"
        phase = of["phase_s"].drop_nulls()
        if not contract.interval:
            evidence += f", to about {tolerance:.0f} s: it speaks only when something happens"
        voices = []
        if phase.len() and (p := float(np.median(phase))) != 0:
            voices.append(f"its stamps stand {p:.0f} s off its peers' grid")
        shared = _pulse(con, contract, device, offset, of["event_date"].to_list())
        if shared is not None:
            before, after = shared
            # an early row proves a clock; a late one may only have been sent late, if its ups and downs come when its peers' do
            if offset < 0 and not voices and before > after + limits["doctor_pulse_min_gain"]:
                continue
            voices.append(f"its {described.pulse} goes with its peers' at r = {after:.2f} put right, {before:.2f} as it is")
        if offset < 0 and not voices:
            voices.append("or its rows are only sent late: ask for its clock")
        ahead = "ahead" if offset > 0 else "behind"
        out.append(
            Finding(
                contract.name,
                device,
                "clock",
                f"clock {abs(offset)} s {ahead}",
                "; ".join([evidence, *voices]),
                n,
                steady_n / n,
                since,
                ((described.clock, "+", float(offset)),),
            )
        )
    return out, enough.height


def _span(offset: int) -> str:
    return f"{abs(offset)} s {'later' if offset > 0 else 'earlier'}"


def _whole(seconds: float, tolerance: float) -> int:
    """Clocks are set wrong by whole minutes and hours: take the nearest one where it is as near as deliveries tell."""
    minute = round(seconds / MINUTE_S) * MINUTE_S
    return minute if abs(seconds - minute) <= min(tolerance, 2) else round(seconds)


def _deliveries(con: duckdb.DuckDBPyConnection, contract: Contract, refused: Refused, limits: dict[str, float]) -> pl.DataFrame:
    """For each device and day: deliveries compared, how far its newest rows are beyond its peers', how steadily, its grid."""
    described = contract.described
    assert described is not None
    time, on = contract.event_time, described.on
    interval = contract.interval or "0"
    end = f"epoch_us({time}) + {interval} * 1000000" if contract.interval and contract.stamped == "start" else f"epoch_us({time})"
    # devices that speak in intervals stand on a grid and are never early nor late for it; of others, which speak when something
    # happens, only the newest rows of busy ones and of busy hours tell how far a clock has come
    of_peers, of_own, slack = (0.5, 0.5, 0.0) if contract.interval else (0.75, 0.9, 0.1)
    phase = "median(end_us % (interval_s * 1000000))" if contract.interval else "CAST(NULL AS DOUBLE)"
    future = refused.rows.filter(pl.col("code") == Code.FROM_FUTURE, pl.col("device").is_not_null())
    at = pl.col("value").str.to_datetime("%Y-%m-%d %H:%M:%S%.f%z", time_unit="us", strict=False)
    con.register("from_future", future.select("device", "_source", "_received_at", at.alias("at")).drop_nulls().to_arrow())
    found = con.sql(f"""
WITH usual AS (SELECT {on} AS device, median({interval})::BIGINT AS interval_s FROM refined.{contract.name} GROUP BY ALL),
city AS (SELECT coalesce(median(interval_s), 0)::BIGINT AS interval_s FROM usual),
corrected AS (SELECT {on} AS device, max({described.clock}) AS offset_s FROM views.{described.table}{BY_DAY} GROUP BY ALL),
rows_of AS (
    SELECT {on} AS device, {interval} AS interval_s, {end} AS end_us, _source, _received_at FROM refined.{contract.name}
    UNION ALL
    SELECT f.device, coalesce(u.interval_s, city.interval_s),
        epoch_us(f.at) + {"coalesce(u.interval_s, city.interval_s) * 1000000" if "+" in end else "0"}
            - coalesce(k.offset_s, 0) * 1000000,
        f._source, f._received_at
    FROM from_future AS f CROSS JOIN city LEFT JOIN usual AS u USING (device) LEFT JOIN corrected AS k USING (device)
    -- a clock that lost its battery is no constant offset
    WHERE epoch_us(f.at) - epoch_us(f._received_at) < 86400 * 1000000::BIGINT
),
newest AS (
    SELECT device, interval_s, regexp_replace(_source, '[0-9]+', '#', 'g') AS series,
        time_bucket(INTERVAL {DELIVERY_S} SECONDS, _received_at) AS delivery,
        max(end_us - epoch_us(_received_at)) AS lead_us, {phase} AS phase_us,
        (max(end_us) - min(end_us)) / greatest(count(*) - 1, 1) AS gap_us
    FROM rows_of GROUP BY ALL
),
peers AS (
    SELECT interval_s, series, delivery, median(phase_us) AS phase_us,
        CASE WHEN count(*) >= {MANY} THEN quantile_cont(lead_us, {of_peers}) ELSE median(lead_us) END AS lead_us,
        quantile_cont(gap_us, {of_peers}) AS gap_us
    FROM newest GROUP BY ALL HAVING count(*) >= {limits["doctor_min_peers"]!r}
),
paired AS (
    SELECT n.device, (n.delivery AT TIME ZONE getvariable('zone'))::DATE AS event_date, (n.lead_us - p.lead_us) / 1e6 AS ahead_s,
        (n.phase_us - p.phase_us) / 1e6 AS phase_s, greatest(n.gap_us, p.gap_us) / 1e6 AS gap_s,
        n.lead_us / 1e6 AS lead_s
    FROM newest AS n JOIN peers AS p USING (interval_s, series, delivery)
),
-- a day of few deliveries is held against all of the device's
usually AS (
    SELECT p.device, p.event_date,
        CASE WHEN count(*) >= {limits["doctor_min_batches"]!r} THEN quantile_cont(p.ahead_s, {of_own})
            ELSE any_value(a.offset_s) END AS offset_s
    FROM paired AS p
    JOIN (SELECT device, quantile_cont(ahead_s, {of_own}) AS offset_s FROM paired GROUP BY ALL) AS a USING (device)
    GROUP BY ALL
)
SELECT device, event_date, count(*) AS n, quantile_cont(ahead_s, {of_own}) AS offset_s, median(phase_s) AS phase_s,
    median(gap_s) AS gap_s, median(lead_s) AS lead_s,
    count(*) FILTER (
        WHERE abs(ahead_s - u.offset_s) <= greatest({limits["doctor_clock_tolerance_s"]!r}, {slack} * abs(u.offset_s))
    ) AS steady_n
FROM paired JOIN usually AS u USING (device, event_date) GROUP BY ALL""").pl()
    con.unregister("from_future")
    return found


def _pulse(
    con: duckdb.DuckDBPyConnection, contract: Contract, device: str, offset: int, days: list[date]
) -> tuple[float, float] | None:
    """How the device's ups and downs go with its peers', as they are and put right; None where that tells nothing."""
    described = contract.described
    assert described is not None
    if not described.pulse or not described.peers or abs(offset) < 2 * BIN_S:
        return None
    alike = " AND ".join(f"a.{p} IS NOT DISTINCT FROM b.{p}" for p in described.peers)
    series = con.sql(f"""
WITH peers AS (
    SELECT DISTINCT b.{described.on} AS id FROM views.{described.table}{BY_DAY} AS a
    JOIN views.{described.table}{BY_DAY} AS b ON a.event_date = b.event_date AND {alike}
    WHERE a.{described.on} = {literal(device)} AND a.{described.peers[0]} IS NOT NULL
),
rows_of AS (
    SELECT r.{described.on} = {literal(device)} AS is_own, r.{described.on} AS id,
        epoch_us(r.{contract.event_time}) AS at_us, CAST(r.{described.pulse} AS DOUBLE) AS said
    FROM refined.{contract.name} AS r SEMI JOIN peers AS p ON p.id = r.{described.on}
    WHERE r.{described.pulse} IS NOT NULL AND r.event_date BETWEEN '{min(days)}' AND '{max(days)}'
),
binned AS (
    SELECT is_own, id, shift, avg(said) AS said,
        (at_us - CASE WHEN is_own THEN shift * {offset * 1_000_000}::BIGINT ELSE 0 END) // {BIN_S * 1_000_000} AS bin
    FROM rows_of CROSS JOIN (VALUES (0), (1)) AS s(shift) GROUP BY ALL
),
scaled AS (SELECT *, said / avg(said) OVER (PARTITION BY id, shift) AS pace FROM binned),
sides AS (SELECT is_own, shift, bin, avg(pace) AS pace FROM scaled GROUP BY ALL)
SELECT a.shift, corr(a.pace, b.pace) AS r, count(*) AS n
FROM sides AS a JOIN sides AS b ON a.shift = b.shift AND a.bin = b.bin AND a.is_own AND NOT b.is_own
GROUP BY a.shift ORDER BY a.shift""").fetchall()
    known = {shift: r for shift, r, n in series if r is not None and n >= 24}
    return (known[0], known[1]) if len(known) == 2 else None
