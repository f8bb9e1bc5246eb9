"""The bundle for Apache Superset: its format, that all it names is in the exported file, that its SQL sums and divides rightly.

Superset itself is tried by docs/superset/try.py.
"""

import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import polars as pl
import pytest
import yaml

from assets.duck import quoted
from assets.exports.catalog import DUCKDB
from assets.exports.duckdb_file import write_duckdb
from assets.exports.snapshot import snapshot
from assets.exports.superset import write_superset
from assets.publishing.gate import release
from schemas.city import City
from schemas.errors import LakeError
from schemas.lake import Lake
from schemas.registry import metrics, table_contracts
from tests.good_rows import CITY, DAY, good_rows, put

# fields of ImportV1DatabaseSchema, ...DatasetSchema, ...ColumnSchema, ...MetricSchema, ...ChartSchema, ...DashboardSchema of
# Superset 6.1.0, with ! those required. It refuses a file with any other field.
FIELDS = {
    "databases": "database_name! sqlalchemy_uri! uuid! version! cache_timeout expose_in_sqllab allow_run_async allow_ctas "
    "allow_cvas allow_dml allow_csv_upload extra",
    "datasets": "table_name! uuid! version! database_uuid! main_dttm_col description offset cache_timeout catalog schema "
    "sql params template_params filter_select_enabled fetch_values_predicate extra normalize_columns "
    "always_filter_main_dttm columns metrics",
    "columns": "column_name! verbose_name is_dttm is_active type advanced_data_type groupby filterable expression "
    "description python_date_format extra",
    "metrics": "metric_name! expression! verbose_name metric_type description d3format extra warning_text",
    "charts": "slice_name! viz_type! uuid! version! dataset_uuid! description certified_by certification_details params "
    "query_context cache_timeout",
    "dashboards": "dashboard_title! uuid! version! description css slug certified_by certification_details published "
    "position metadata",
}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FIRST = DAY.replace(day=1)
SPEEDS = "traffic_hourly"
PARTS = {  # of some rows one part is not known: they are in the sum of the other, and in no ratio
    "speed_weight": pl.Series([None, 1, 2, 3, 4, 5], dtype=pl.Float64),
    "slowness_sum_h_km": pl.Series([5, None, 0.5, 0.1, 0.1, 0.2], dtype=pl.Float64),
    "space_mean_speed_kmh": pl.lit(1.0),
}


def exported(lake: Lake) -> None:
    """Make it look exported: the bundle needs the file's place, and nothing that is in it."""
    lake.exports().mkdir(parents=True, exist_ok=True)
    (lake.exports() / DUCKDB).touch()


def unzipped(path: Path) -> dict[str, Any]:
    """The bundle's files below its one folder: name -> content."""
    with zipfile.ZipFile(path) as bundle:
        assert {n.split("/")[0] for n in bundle.namelist()} == {"citylake"}
        return {n.split("/", 1)[1]: yaml.load(bundle.read(n), Loader=LOADER) for n in bundle.namelist()}


def of(files: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [content for name, content in files.items() if name.startswith(f"{kind}/")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, dict[str, Any]]:
    """A lake with rows of every metric, exported, and its bundle."""
    lake = Lake(tmp_path_factory.mktemp("city") / "a lake")
    for name, contract in table_contracts().items():
        if name.startswith("metrics."):
            rows = good_rows(contract, "metrics", FIRST, 6)
            put(lake, contract, "metrics", rows.with_columns(**PARTS) if contract.name == SPEEDS else rows, FIRST)
    release(lake)
    lake.exports().mkdir(parents=True, exist_ok=True)
    write_duckdb(lake, CITY, snapshot(lake), lake.exports() / DUCKDB)
    path = lake.exports() / "superset.zip"
    told = write_superset(lake, CITY, path)
    files = unzipped(path)
    assert told["charts"] == len(of(files, "charts")) > 2 * len(metrics())
    return lake, files


def fits(content: dict[str, Any], kind: str) -> None:
    fields = FIELDS[kind].split()
    assert set(content) <= {f.rstrip("!") for f in fields}
    assert {f.rstrip("!") for f in fields if f.endswith("!")} <= {k for k, v in content.items() if v is not None}


def test_every_file_is_of_the_import_format(made: tuple[Lake, dict[str, Any]]) -> None:
    files = made[1]
    # without a type it is taken as a dashboard by the page that imports these, and as assets by the command that updates
    assert files["metadata.yaml"].keys() == {"version", "timestamp"}
    for kind in ("databases", "datasets", "charts", "dashboards"):
        for content in of(files, kind):
            fits(content, kind)
            assert content["version"] == "1.0.0"
            assert UUID(content["uuid"])
    for dataset in of(files, "datasets"):
        for column in dataset["columns"]:
            fits(column, "columns")
        for metric in dataset["metrics"]:
            fits(metric, "metrics")
    titles = [c["slice_name"] for c in of(files, "charts")]
    assert len(titles) == len(set(titles))
    uuids = [c["uuid"] for kind in ("databases", "datasets", "charts", "dashboards") for c in of(files, kind)]
    assert len(uuids) == len(set(uuids))


def test_what_files_say_of_each_other_is_there(made: tuple[Lake, dict[str, Any]]) -> None:
    files = made[1]
    [database], [dashboard] = of(files, "databases"), of(files, "dashboards")
    datasets, charts = {d["uuid"]: d for d in of(files, "datasets")}, {c["uuid"]: c for c in of(files, "charts")}
    assert {d["database_uuid"] for d in datasets.values()} == {database["uuid"]}
    assert {c["dataset_uuid"] for c in charts.values()} <= set(datasets)
    tree = {k: v for k, v in dashboard["position"].items() if isinstance(v, dict)}
    assert {v["meta"]["uuid"] for v in tree.values() if v["type"] == "CHART"} == set(charts)
    for own, node in tree.items():
        assert node["id"] == own
        for child in node["children"]:
            assert tree[child]["parents"][-1] == own
            assert tree[child]["parents"][:-1] == node["parents"]
        if node["type"] == "ROW":
            assert sum(tree[c]["meta"]["width"] for c in node["children"]) <= 12
    numbers = {v["meta"]["chartId"]: charts[v["meta"]["uuid"]] for v in tree.values() if v["type"] == "CHART"}
    assert len(numbers) == len(charts)
    days, district = dashboard["metadata"]["native_filter_configuration"]
    assert days["scope"]["excluded"] == []
    [target] = district["targets"]
    assert target["column"]["name"] in {c["column_name"] for c in datasets[target["datasetUuid"]]["columns"]}
    for number, chart in numbers.items():
        has = "district" in {c["column_name"] for c in datasets[chart["dataset_uuid"]]["columns"]}
        assert has != (number in district["scope"]["excluded"])


def asked(chart: dict[str, Any], dataset: dict[str, Any]) -> str:
    """About the SQL that Superset makes of a chart."""
    saved = {m["metric_name"]: m["expression"] for m in dataset["metrics"]}
    columns = {c["column_name"]: c["expression"] or quoted(c["column_name"]) for c in dataset["columns"]}
    params = chart["params"]
    by = params.get("groupby") or []
    by = [*([by] if isinstance(by, str) else by), *([params["x_axis"]] if "x_axis" in params else [])]
    shown = params.get("metrics") or [params["metric"]]
    picked = [f"{columns[c]} AS {quoted(c)}" for c in by]
    picked += [saved[m] if isinstance(m, str) else m["sqlExpression"] for m in shown]
    assert columns[params["granularity_sqla"]]
    group = f" GROUP BY {', '.join(str(n + 1) for n in range(len(by)))}" if by else ""
    return f"SELECT {', '.join(picked)} FROM {dataset['schema']}.{quoted(dataset['table_name'])}{group}"


def test_every_name_and_all_sql_binds_in_the_exported_file(made: tuple[Lake, dict[str, Any]]) -> None:
    lake, files = made
    with duckdb.connect(str(lake.exports() / DUCKDB), read_only=True) as con:
        datasets = {d["uuid"]: d for d in of(files, "datasets")}
        for dataset in datasets.values():
            place = f"({dataset['sql']})" if dataset["sql"] else f"{dataset['schema']}.{quoted(dataset['table_name'])}"
            assert dataset["main_dttm_col"] is None or dataset["main_dttm_col"] in con.sql(f"FROM {place}").columns
            for column in dataset["columns"]:
                con.sql(f"SELECT {column['expression'] or quoted(column['column_name'])} FROM {place}").fetchall()
            for metric in dataset["metrics"]:
                assert len(con.sql(f"SELECT {metric['expression']} FROM {place}").fetchall()) == 1
            names, titles = ([m[k] for m in dataset["metrics"]] for k in ("metric_name", "verbose_name"))
            assert len(names) == len(set(names))
            assert len(titles) == len(set(titles))  # one that comes twice fails the chart
            assert not set(names) & {c["column_name"] for c in dataset["columns"]}
        told = {(f"metrics.{d['table_name']}"): d for d in datasets.values() if d["schema"]}
        assert set(told) == {n for n in table_contracts() if n.startswith("metrics.")}
        for chart in of(files, "charts"):
            assert con.sql(asked(chart, datasets[chart["dataset_uuid"]])).fetchall()


def test_sums_are_sums_and_ratios_are_of_sums(made: tuple[Lake, dict[str, Any]]) -> None:
    lake, files = made
    saved = {m["metric_name"]: m["expression"] for m in files[f"datasets/citylake/{SPEEDS}.yaml"]["metrics"]}
    with duckdb.connect(str(lake.exports() / DUCKDB), read_only=True) as con:
        [(total, speed)] = con.sql(
            f"SELECT {saved['sum__speed_weight']}, {saved['ratio__space_mean_speed_kmh']} FROM metrics.{SPEEDS}"
        ).fetchall()
    assert total == 15
    assert speed == pytest.approx((2 + 3 + 4 + 5) / (0.5 + 0.1 + 0.1 + 0.2))
    assert not any("space_mean_speed_kmh" in e for e in saved.values())


def test_what_is_withheld_is_counted_and_what_is_apart_has_no_total(made: tuple[Lake, dict[str, Any]]) -> None:
    files = made[1]
    datasets = {d["table_name"]: d for d in of(files, "datasets")}
    totals = {c["slice_name"].split(":")[0] for c in of(files, "charts") if c["viz_type"] == "big_number_total"}
    for name, contract in metrics().items():
        assert ("withheld" in {m["metric_name"] for m in datasets[name]["metrics"]}) == contract.is_gated
        assert (name in totals) != any(c.roll_up == "apart" for c in contract.columns)


def test_the_same_lake_gives_the_same_bytes_and_more_of_it_the_same_uuids(lake: Lake) -> None:
    contract, path = metrics()["traffic_hourly"], lake.exports() / "s.zip"
    put(lake, contract, "metrics", good_rows(contract, "metrics", DAY))
    exported(lake)
    write_superset(lake, CITY, path)
    first, bytes_ = unzipped(path), path.read_bytes()
    write_superset(lake, CITY, path)
    assert path.read_bytes() == bytes_
    other = metrics()["traffic_15min"]
    put(lake, other, "metrics", good_rows(other, "metrics", DAY + timedelta(days=1)), DAY + timedelta(days=1))
    exported(lake)
    write_superset(lake, CITY, path)
    more = unzipped(path)
    was, now = {c["uuid"] for c in of(first, "charts")}, {c["uuid"] for c in of(more, "charts")}
    assert was < now
    assert of(first, "dashboards")[0]["uuid"] == of(more, "dashboards")[0]["uuid"]
    write_superset(lake, City('Bad "city": ä', CITY.zone), path)
    foreign = unzipped(path)
    assert not {c["uuid"] for c in of(foreign, "charts")} & now
    assert of(foreign, "dashboards")[0]["slug"] == "citylake-bad-city"


def test_what_cannot_be_bundled_is_told(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="citylake export"):
        write_superset(lake, CITY, tmp_path / "s.zip")
    exported(lake)
    with pytest.raises(LakeError, match="no metric has rows"):
        write_superset(lake, CITY, tmp_path / "s.zip")
    assert not (tmp_path / "s.zip").exists()
