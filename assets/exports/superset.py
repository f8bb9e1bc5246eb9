"""A bundle for Apache Superset 6: a database, a dataset for each metric, charts and one dashboard, made from the contracts.

Written in Superset's import format, version 1.0.0: YAML files in a zip. The same names give the same UUIDs, so that importing it
again updates what is there. What is in the files belongs to `superset_datasets`, `superset_charts` and `superset_layout`.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from assets.exports.aside import aside
from assets.exports.catalog import DUCKDB
from assets.exports.snapshot import snapshot
from assets.exports.superset_charts import DISTRICT, Chart, charts
from assets.exports.superset_datasets import (
    DISTRICTS,
    FOLDER,
    LAYER,
    VERSION,
    WITHHELD,
    Metric,
    Names,
    database,
    dataset,
    districts,
)
from assets.exports.superset_layout import filters, position, tab
from assets.exports.superset_numbers import numbers
from schemas.city import City
from schemas.errors import LakeError
from schemas.lake import Lake
from schemas.registry import table_contracts

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip file can hold: the same lake gives the same bytes."""


def write_superset(lake: Lake, city: City, path: Path, folder: Path | None = None) -> dict[str, Any]:
    """Write the bundle of an exported lake; returns how many datasets, charts and tabs it has.

    Args:
        path: the zip file.
        folder: where the exports are; by default beside the lake. Superset is told the absolute place of its DuckDB file.

    Raises LakeError where nothing was exported yet, there is nothing to show or the file cannot be written.
    """
    file = (folder or lake.exports()) / DUCKDB
    if not file.is_file():
        raise LakeError(str(file), "there is no such file", "run citylake export first")
    made = {name: _yaml(content) for name, content in bundle(lake, city, file.absolute()).items()}
    with aside(path) as half, zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in made.items():
            out.writestr(zipfile.ZipInfo(f"{FOLDER}/{name}", EPOCH), text, zipfile.ZIP_DEFLATED)
    counted = {kind: sum(n.startswith(f"{kind}/") for n in made) for kind in ("datasets", "charts", "dashboards")}
    return {"file": str(path), "bytes": path.stat().st_size, **counted}


def _yaml(content: Any) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml's is faster by far
    return str(yaml.dump(content, Dumper=dumper, sort_keys=False, allow_unicode=True, width=130))


def bundle(lake: Lake, city: City, file: Path) -> dict[str, Any]:
    """The files of the bundle: name -> what it says.

    Raises LakeError where there is nothing to show.
    """
    contracts = table_contracts()
    tables = [t for t in snapshot(lake) if t.layer == LAYER]
    if not any(f.rows for t in tables for f in t.files):
        raise LakeError(str(file), "no metric has rows", "land and measure something first: citylake run")
    found = [Metric(t, c, numbers(c, t.columns)) for t in tables for c in [contracts[f"{LAYER}.{t.name}"]]]
    names = Names(city)
    out: dict[str, Any] = {"metadata.yaml": {"version": VERSION, "timestamp": "2020-01-01T00:00:00+00:00"}}
    out[f"databases/{FOLDER}.yaml"] = database(names, city, file)
    for metric in found:
        out[f"datasets/{FOLDER}/{metric.table.name}.yaml"] = dataset(names, metric)
    with_district = [m.table.name for m in found if m.has_district]
    out[f"datasets/{FOLDER}/{DISTRICTS.replace(' ', '_')}.yaml"] = districts(names, with_district)
    placed = {m.table.name: list(_placed(names, m, n * 100 + 1)) for n, m in enumerate(found) if m.is_filled}
    for name, row in placed.items():
        for number, uuid, chart in row:
            out[f"charts/{name}_{number}.yaml"] = _chart(uuid, names.dataset(name), chart)
    out[f"dashboards/{FOLDER}.yaml"] = _dashboard(names, city, [m for m in found if m.is_filled], placed)
    return out


def _placed(names: Names, metric: Metric, first: int) -> Iterator[tuple[int, str, Chart]]:
    """A metric's charts with numbers, by which the bundle's files speak of each other, and UUIDs."""
    for n, chart in enumerate(charts(metric.contract, metric.table.columns, metric.numbers)):
        yield first + n, names.of("chart", f"{metric.table.name}:{chart.kind}:{n}"), chart


def _chart(uuid: str, dataset: str, chart: Chart) -> dict[str, Any]:
    return {
        "slice_name": f"{chart.metric}: {chart.title}",
        "description": None,
        "certified_by": None,
        "certification_details": None,
        "viz_type": chart.kind,
        "params": chart.params,
        "query_context": None,
        "cache_timeout": None,
        "uuid": uuid,
        "version": VERSION,
        "dataset_uuid": dataset,
    }


def _dashboard(names: Names, city: City, filled: list[Metric], placed: dict[str, list[tuple[int, str, Chart]]]) -> dict[str, Any]:
    title = f"citylake: {city.name}"
    rows = {m.table.name: sum(f.rows for f in m.table.files) for m in filled}
    domains: dict[str, list[str]] = {}
    # what is told by the hour and the district comes first, and of these what there is most of
    for metric in sorted(filled, key=lambda m: (not m.has_hours, not m.has_district, -rows[m.table.name], m.table.name)):
        domains.setdefault(metric.table.domain, []).append(metric.table.name)
    domains = dict(sorted(domains.items(), key=lambda d: -sum(rows[n] for n in d[1])))
    said = {m.table.name: f"### {m.table.name}\n{m.table.doc}{f' {WITHHELD}' if m.contract.is_gated else ''}" for m in filled}
    without = [number for m in filled if not m.has_district for number, *_ in placed[m.table.name]]
    chosen = filters(names.dataset(DISTRICTS), DISTRICT, [tab(d) for d in domains], without)
    metadata = {
        "native_filter_configuration": chosen,
        "cross_filters_enabled": False,
        "refresh_frequency": 0,
        "color_scheme": "",
        "label_colors": {},
        "timed_refresh_immune_slices": [],
        "expanded_slices": {},
        "default_filters": "{}",
    }
    return {
        "dashboard_title": title,
        "description": None,
        "css": "",
        "slug": names.slug,
        "certified_by": None,
        "certification_details": None,
        "published": True,
        "uuid": names.of("dashboard", FOLDER),
        "version": VERSION,
        "position": position(title, domains, said, placed),
        "metadata": metadata,
    }
