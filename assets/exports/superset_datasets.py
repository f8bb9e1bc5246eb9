"""What Apache Superset is told of the exported DuckDB file: the database, and a dataset for each metric with columns and numbers.

Names are UUIDs made from names, so that importing again updates. The bundle itself is written by `assets.exports.superset`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from assets.duck import SQL_TYPES, literal, quoted
from assets.exports.snapshot import Table
from assets.exports.superset_charts import DISTRICT, made_columns, time_column
from assets.exports.superset_numbers import Number
from schemas.city import City
from schemas.contract import Contract

VERSION = "1.0.0"
FOLDER = "citylake"
LAYER = "metrics"
DISTRICTS = "districts of metrics"
WITHHELD = "Rows of few people are withheld: their numbers are in no sum."


@dataclass(frozen=True)
class Metric:
    """A metric's table as it was exported."""

    table: Table
    contract: Contract
    numbers: list[Number]

    @property
    def is_filled(self) -> bool:
        return any(f.rows for f in self.table.files)

    @property
    def has_hours(self) -> bool:
        return bool(made_columns(self.table.columns))

    @property
    def has_district(self) -> bool:
        return any(c.name == DISTRICT for c in self.table.columns)


class Names:
    """UUIDs of one city's things: the same for the same names, another city's are others."""

    def __init__(self, city: City) -> None:
        self._own = uuid5(NAMESPACE_URL, f"urn:citylake:superset:{city.name}")
        self.slug = f"{FOLDER}-{re.sub(r'[^a-z0-9]+', '-', city.name.lower()).strip('-') or self._own.hex[:8]}"

    def of(self, kind: str, name: str) -> str:
        return str(uuid5(self._own, f"{kind}:{name}"))

    def dataset(self, name: str) -> str:
        return self.of("dataset", name)

    @property
    def database(self) -> str:
        return self.of("database", FOLDER)


def database(names: Names, city: City, file: Path) -> dict[str, Any]:
    """The exported file, as databases/<name>.yaml says it."""
    # read only: Superset's workers then share the file with each other and with whoever else reads it
    extra = {"engine_params": {"connect_args": {"read_only": True}}, "metadata_params": {}, "schemas_allowed_for_csv_upload": []}
    return {
        "database_name": f"citylake: {city.name}",
        "sqlalchemy_uri": f"duckdb:///{file}",
        "cache_timeout": None,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_csv_upload": False,
        "extra": extra,
        "uuid": names.database,
        "version": VERSION,
    }


def dataset(names: Names, metric: Metric) -> dict[str, Any]:
    """A metric's table with its columns and saved metrics, as datasets/<database>/<name>.yaml says it."""
    table, time = metric.table, time_column(metric.table.columns)
    doc = table.doc + (f" {WITHHELD}" if metric.contract.is_gated else "")
    columns = [_column(c.name, SQL_TYPES[c.kind], c.label) for c in table.columns]
    columns += [_column(n, "VARCHAR", f"{n} of local_time", sql) for n, sql in made_columns(table.columns).items()]
    saved: list[dict[str, Any]] = [
        {
            "metric_name": n.name,
            "verbose_name": n.title,
            "metric_type": None,
            "expression": n.sql,
            "description": n.doc,
            "d3format": n.form,
            "extra": {},
            "warning_text": None,
        }
        for n in metric.numbers
    ]
    return _table(names, table.name, doc) | {"main_dttm_col": time, "columns": columns, "metrics": saved}


def _table(names: Names, name: str, doc: str, sql: str | None = None) -> dict[str, Any]:
    return {
        "table_name": name,
        "main_dttm_col": None,
        "description": doc,
        "offset": 0,
        "cache_timeout": None,
        "catalog": None,
        "schema": None if sql else LAYER,
        "sql": sql,
        "params": None,
        "template_params": None,
        "filter_select_enabled": True,
        "fetch_values_predicate": None,
        "extra": None,
        "normalize_columns": False,
        "always_filter_main_dttm": False,
        "uuid": names.dataset(name),
        "columns": [],
        "metrics": [],
        "version": VERSION,
        "database_uuid": names.database,
    }


def _column(name: str, kind: str, doc: str, sql: str | None = None) -> dict[str, Any]:
    is_time = kind.startswith("TIMESTAMP") or kind == "DATE"
    return {
        "column_name": name,
        "verbose_name": None,
        "is_dttm": is_time,
        "is_active": True,
        "type": kind,
        "advanced_data_type": None,
        "groupby": True,
        "filterable": True,
        "expression": sql,
        "description": doc,
        "python_date_format": None,
        "extra": {},
    }


def districts(names: Names, tables: Sequence[str]) -> dict[str, Any]:
    """Every district that a metric tells of: what the dashboard's filter offers."""
    each = [f"SELECT {DISTRICT} FROM {LAYER}.{quoted(t)}" for t in tables] or [f"SELECT {literal('')} AS {DISTRICT} WHERE false"]
    sql = f"SELECT DISTINCT {DISTRICT} FROM ({' UNION '.join(each)}) WHERE {DISTRICT} IS NOT NULL"
    rows = {"metric_name": "rows", "expression": "COUNT(*)", "verbose_name": "rows", "extra": {}}
    doc = "Districts that any metric tells of."
    return _table(names, DISTRICTS, doc, sql) | {"columns": [_column(DISTRICT, "VARCHAR", "district")], "metrics": [rows]}
