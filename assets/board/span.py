"""What can be chosen on the board: the days that metrics have, and the districts of the city.

What is chosen is applied in static/filters.js.
"""

from typing import Any

import duckdb

from assets.duck import literal, quoted
from schemas.registry import metrics

MOST = 0.5
"""Share of the metrics by day, of the day that has most of them, that a day needs to be among those shown at first."""


def span(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """`first` and `last` day to show at first (None where no metric has rows) and all `districts`, sorted.

    A clock that runs wrong makes days of years to come; such days can be chosen, but are not shown unasked.
    """
    have = con.sql("SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'metrics'").fetchall()
    dated = [n for n, c in metrics().items() if c.period == "day" and (n, "event_date") in have]
    first = last = None
    if dated:
        days = " UNION ALL ".join(f"SELECT DISTINCT {literal(n)}, event_date FROM metrics.{quoted(n)}" for n in dated)
        busy = f"SELECT event_date, count(*) AS n FROM ({days}) GROUP BY event_date QUALIFY n >= {MOST} * max(n) OVER ()"
        first, last = con.sql(f"SELECT min(event_date), max(event_date) FROM ({busy})").fetchone() or (None, None)
    placed = [t for t, c in have if c == "district"]
    named = " UNION ".join(f"SELECT district FROM metrics.{quoted(t)}" for t in placed)
    districts = con.sql(f"FROM ({named}) WHERE district IS NOT NULL ORDER BY 1").fetchall() if placed else []
    return {"first": first, "last": last, "districts": [d for (d,) in districts]}
