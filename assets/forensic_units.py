"""Devices that report a column in another unit: what they say against what other columns, peers and refused rows tell.

Factors come from `schemas.units`; which units are thought of, and the witnesses, are the contract's.
"""

import math
import re

import duckdb
import polars as pl

from assets.duck import literal
from assets.forensic_refused import Refused
from assets.forensic_verdicts import Candidates, Finding, lasting
from assets.reference_days import BY_DAY
from schemas.contract import Contract
from schemas.rejection import Code
from schemas.units import CONVERSIONS

PEERS, REFUSED = "peers", "refused rows"
PLAIN = math.log(20)
"""A factor beyond this cannot be mistaken for anything else: one witness does."""
CALIBRATING = 5
"""Devices from which on the median of all of them is taken for what a right one says."""


def units(
    con: duckdb.DuckDBPyConnection, contract: Contract, column: str, factor: str, refused: Refused, limits: dict[str, float]
) -> tuple[list[Finding], int]:
    """Findings about one column, and for how many devices there was evidence enough to judge."""
    described, lake_unit = contract.described, contract[column].unit or ""
    assert described is not None
    names = next((u for c, u in described.mistaken if c == column), ())
    if not names:
        return [], 0
    candidates = Candidates(("", *names), (1.0, *(CONVERSIONS[lake_unit][n].factor for n in names)))
    said = _said(con, contract, column, factor, candidates, limits)
    said = pl.concat([said, _refused(con, contract, column, factor, candidates, refused, limits)], how="diagonal_relaxed")
    said = _calibrated(said, candidates)
    firm = said.with_columns(candidates.vote(pl.col("x"), limits["doctor_firm_share"]).alias("vote"))
    days = _verdicts(firm, candidates)
    found = lasting(days)
    return _findings(contract, column, factor, candidates, firm, found, limits), days.drop_nulls("verdict")["device"].n_unique()


def _said(
    con: duckdb.DuckDBPyConnection, contract: Contract, column: str, factor: str, candidates: Candidates, limits: dict[str, float]
) -> pl.DataFrame:
    """For each device, day and witness: n, the median log of reported over told, its spread, and rows near each candidate."""
    described = contract.described
    assert described is not None
    witnesses = [(name, sql) for c, name, sql in described.witnesses if c == column]
    wanted = sorted({*re.findall(r"\bdevice\.(\w+)", " ".join(s for _, s in witnesses)), *described.peers, factor})
    # energy grows with the interval, speed does not: what grows is compared as a rate
    is_sum = any(c.per_interval for c in CONVERSIONS.get(contract[column].unit or "", {}).values())
    level = f"r.{column} / r.{contract.interval}" if is_sum else f"r.{column}"
    peer = " || '|' || ".join(f"device.{p}" for p in described.peers) or "CAST(NULL AS VARCHAR)"
    told = "".join(f", CAST({sql} AS DOUBLE) AS told_{i}" for i, (_, sql) in enumerate(witnesses))
    against = " UNION ALL ".join(
        f"SELECT event_date, id, {literal(name)} AS witness, ln(r_level / told_{i}) AS x FROM rows_of "
        f"WHERE told_{i} > 0 AND isfinite(told_{i})"
        for i, (name, _) in enumerate(witnesses)
    )
    near = ", ".join(f"{candidates.counted('x', i)} AS near_{i}" for i in range(len(candidates.names)))
    sql = f"""
WITH rows_of AS (
    SELECT r.event_date, r.{described.on} AS id, date_trunc('hour', r.{contract.event_time}) AS hour,
        CAST({level} AS DOUBLE) AS r_level, {peer} AS peer {told}
    FROM refined.{contract.name} AS r
    LEFT JOIN (
        SELECT event_date AS device_date, {described.on} AS device_id, {{{", ".join(f"'{c}': {c}" for c in wanted)}}} AS device
        FROM views.{described.table}{BY_DAY}
    ) AS k ON k.device_date = r.event_date AND k.device_id = r.{described.on}
    WHERE r.{column} > 0
),
hourly AS (
    SELECT event_date, peer, hour, id, median(r_level) AS level FROM rows_of WHERE peer IS NOT NULL GROUP BY ALL
),
usual AS (
    SELECT event_date, peer, hour, median(level) AS level FROM hourly GROUP BY ALL
    HAVING count(*) >= {limits["doctor_min_peers"]!r}
),
compared AS (
    SELECT h.event_date, h.id, '{PEERS}' AS witness, ln(h.level / u.level) AS x
    FROM hourly AS h JOIN usual AS u USING (event_date, peer, hour)
    {"UNION ALL " + against if against else ""}
)
SELECT id AS device, event_date, witness, count(*) AS n, median(x) AS x, {near} FROM compared GROUP BY ALL"""
    return con.sql(sql).pl()


def _refused(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    column: str,
    factor: str,
    candidates: Candidates,
    refused: Refused,
    limits: dict[str, float],
) -> pl.DataFrame:
    """The same of rows that were refused for this column, against what devices usually say; corrected as they would be."""
    described = contract.described
    assert described is not None
    kinds = (Code.OUT_OF_RANGE, Code.RULE_BROKEN)
    of = refused.rows.filter(
        pl.col("column") == column,
        pl.col("code").is_in(list(kinds)),
        pl.col("device").is_not_null(),
        pl.col("event_date").is_not_null(),
    ).with_columns(pl.col("value").cast(pl.Float64, strict=False))
    of = of.filter(pl.col("value") > 0)
    is_sum = any(c.per_interval for c in CONVERSIONS.get(contract[column].unit or "", {}).values())
    interval = contract.interval or "1"
    level = f"{column} / {interval}" if is_sum else column
    con.register("refused", of.select("device", "event_date", "value", "interval_s").to_arrow())
    on, peer = described.on, " || '|' || ".join(described.peers) or "CAST(NULL AS VARCHAR)"
    x = "ln(q.value / q.over * coalesce(q.factor, 1) / q.level)"
    near = ", ".join(f"{candidates.counted(x, i)} AS near_{i}" for i in range(len(candidates.names)))
    found = con.sql(f"""
WITH known AS (
    SELECT event_date, {on} AS device, max({factor}) AS factor, min({peer}) AS peer
    FROM views.{described.table}{BY_DAY} GROUP BY ALL
),
devices AS (
    SELECT event_date, {on} AS device, count(*) AS n, median(CASE WHEN {column} > 0 THEN {level} END) AS level,
        median({interval if is_sum else "1"}) AS interval_s
    FROM refined.{contract.name} WHERE {column} IS NOT NULL GROUP BY ALL
),
-- what other devices of its kind usually say; where there are too few of them, what all devices do
usual AS (SELECT median(level) AS level, median(interval_s) AS interval_s FROM devices),
alike AS (
    SELECT a.device, median(b.level) AS level
    FROM (SELECT DISTINCT device, peer FROM known WHERE peer IS NOT NULL) AS a
    JOIN (SELECT DISTINCT device, peer FROM known) AS p USING (peer)
    JOIN devices AS b ON b.device = p.device AND b.device <> a.device
    GROUP BY a.device HAVING count(DISTINCT b.device) >= {limits["doctor_min_peers"]!r} - 1
),
q AS (
    SELECT r.*, coalesce(r.interval_s, d.interval_s, u.interval_s) AS any_s, {"any_s" if is_sum else "1"} AS over,
        d.n AS accepted_n, k.factor, coalesce(a.level, u.level) AS level
    FROM refused AS r CROSS JOIN usual AS u
    LEFT JOIN devices AS d ON d.device = r.device AND d.event_date = r.event_date
    LEFT JOIN known AS k ON k.device = r.device AND k.event_date = r.event_date
    LEFT JOIN alike AS a ON a.device = r.device
)
SELECT q.device, q.event_date, '{REFUSED}' AS witness, count(*) AS n, median({x}) AS x, {near}
FROM q
GROUP BY q.device, q.event_date
-- a sentinel is one number, again and again; a unit is many numbers, often
HAVING count(*) >= {limits["doctor_min_refused_share"]!r} * (count(*) + coalesce(any_value(q.accepted_n), 0))
    AND count(DISTINCT q.value) >= {limits["doctor_min_distinct"]!r} AND median({x}) IS NOT NULL""").pl()
    con.unregister("refused")
    return found


def _calibrated(said: pl.DataFrame, candidates: Candidates) -> pl.DataFrame:
    """Take off what a witness is off by with most devices, unless that is so much that most devices may be wrong."""
    by_device = said.filter(pl.col("witness") != REFUSED).group_by("witness", "device").agg(pl.col("x").median())
    usual = by_device.group_by("witness").agg(pl.col("x").median().alias("off"), pl.len().alias("devices"))
    small = (pl.col("off").abs() < candidates.half_gap(0)) & (pl.col("devices") >= CALIBRATING)
    usual = usual.select("witness", pl.when(small).then("off").otherwise(0.0).alias("off"))
    return said.join(usual, on="witness", how="left").with_columns(pl.col("x") - pl.col("off").fill_null(0.0)).drop("off")


def _verdicts(firm: pl.DataFrame, candidates: Candidates) -> pl.DataFrame:
    """What most of the firm witnesses of a device's day say: two at least, or one where it is plain."""
    plain = [i for i, x in enumerate(candidates.logs) if abs(x) > PLAIN]
    votes = firm.filter(pl.col("vote").is_not_null()).group_by("device", "event_date", "vote").agg(pl.len().alias("voices"))
    days = votes.group_by("device", "event_date").agg(
        pl.col("vote").sort_by("voices", "vote").last(), pl.col("voices").max(), pl.col("voices").sum().alias("all_voices")
    )
    most = 2 * pl.col("voices") > pl.col("all_voices")
    enough = (pl.col("voices") >= 2) | pl.col("vote").is_in(plain) | (pl.col("vote") == 0)
    verdict = pl.when(most & enough).then("vote").when(~most).then(pl.lit(0, pl.Int64))
    return days.select("device", "event_date", verdict.alias("verdict"))


def _findings(
    contract: Contract,
    column: str,
    factor: str,
    candidates: Candidates,
    firm: pl.DataFrame,
    found: pl.DataFrame,
    limits: dict[str, float],
) -> list[Finding]:
    out = []
    for device, verdict, since in found.iter_rows():
        of = firm.filter(pl.col("device") == device, pl.col("event_date") >= since, pl.col("vote") == verdict)
        n, near = int(of["n"].sum()), int(of[f"near_{verdict}"].sum())
        if n < limits["doctor_min_rows"]:
            continue
        unit, value = candidates.names[verdict], candidates.factors[verdict]
        told = (
            of.group_by("witness").agg((pl.col("x") * pl.col("n")).sum() / pl.col("n").sum(), pl.col("n").sum()).sort("witness")
        )
        said = "; ".join(_words(w, x, k) for w, x, k in told.iter_rows())
        refused_too = told["witness"].is_in([REFUSED]).any()
        advice = (
            f'Rows out of bounds are refused before the table corrects them: give the source unit = "{unit}" for {column}.'
            if refused_too
            else ""
        )
        out.append(
            Finding(
                contract.name,
                device,
                column,
                f"{unit} reported as {contract[column].unit}",
                said,
                n,
                near / n,
                since,
                ((factor, "x", value),),
                advice=advice,
            )
        )
    return out


def _words(witness: str, x: float, n: int) -> str:
    """What one witness says, the ratio in three digits."""
    ratio = f"{float(f'{math.exp(x):.3g}'):,g}"
    if witness == REFUSED:
        return f"{n:,} refused rows are {ratio} times what is usual"
    return f"{ratio} times what {witness} tell ({n:,})"
