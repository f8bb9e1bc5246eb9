"""Peer: Spark Structured Streaming, availableNow, JSON files into Parquet partitioned by day.

Runs where pyspark and Java are: in our own environment, or in that of CITYLAKE_SPARK_PYTHON. Only pyspark is imported.
It filters by the contract's bounds; no quarantine, no ledger.
"""

from functools import cache

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

SCHEMA = (
    "sensor_id STRING, lane BIGINT, observed_at TIMESTAMP, interval_s BIGINT,"
    " vehicle_count BIGINT, mean_speed_kmh DOUBLE, occupancy_share DOUBLE"
)
VALID = (
    "length(sensor_id) > 0 AND lane BETWEEN 0 AND 20 AND observed_at IS NOT NULL AND interval_s BETWEEN 1 AND 86400"
    " AND vehicle_count BETWEEN 0 AND 60000 AND mean_speed_kmh BETWEEN 0 AND 250 AND occupancy_share BETWEEN 0 AND 1"
)


@cache
def session() -> SparkSession:
    """A local session on every core."""
    builder = SparkSession.builder.master("local[*]").appName("bench")
    settings = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "2g",
        "spark.sql.session.timeZone": "Europe/Berlin",
        "spark.sql.parquet.compression.codec": "zstd",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def land(inbox: str, out: str) -> None:
    """Write one folder a day."""
    lines = session().readStream.schema(SCHEMA).json(inbox)
    rows_of_days = lines.where(VALID).withColumn("event_date", F.to_date("observed_at"))
    query = (
        rows_of_days.writeStream.format("parquet")
        .option("path", f"{out}/table")
        .option("checkpointLocation", f"{out}/checkpoint")
        .partitionBy("event_date")
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()


def rows(out: str) -> int:
    """Rows written."""
    return session().read.parquet(f"{out}/table").count()
