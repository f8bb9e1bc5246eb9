"""Peer: DuckDB, read_json into Parquet partitioned by local day. No check, no quarantine, no ledger."""

import duckdb

COLUMNS = {
    "sensor_id": "VARCHAR", "lane": "BIGINT", "observed_at": "TIMESTAMPTZ", "interval_s": "BIGINT",
    "vehicle_count": "BIGINT", "mean_speed_kmh": "DOUBLE", "occupancy_share": "DOUBLE",
}  # fmt: skip


def land(inbox: str, out: str) -> None:
    """Write one folder a day."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'Europe/Berlin'")
        con.execute(f"""
            COPY (
                SELECT *, observed_at::DATE AS event_date
                FROM read_json('{inbox}/*.jsonl', format = 'newline_delimited', columns = {COLUMNS})
            ) TO '{out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARTITION_BY (event_date))
        """)


def rows(out: str) -> int:
    """Rows written."""
    return duckdb.sql(f"SELECT count(*) FROM read_parquet('{out}/**/*.parquet')").fetchall()[0][0]
