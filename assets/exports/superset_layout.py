"""The dashboard for Apache Superset: a tab for each domain, a row for each metric, filters of time and district.

Charts themselves are made in `assets.exports.superset_charts`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from assets.exports.superset_charts import Chart

HEIGHT = 44
"""Of a row of charts, in Superset's units of 8 pixels."""
LINE = 150
"""Letters in a line of text across the page."""
ROOT, GRID, TABS = "ROOT_ID", "GRID_ID", "TABS-domains"


def position(
    title: str,
    domains: Mapping[str, Sequence[str]],
    texts: Mapping[str, str],
    rows: Mapping[str, Sequence[tuple[int, str, Chart]]],
) -> dict[str, Any]:
    """Where everything stands.

    Args:
        domains: domain -> its metrics, in the order of tabs and rows.
        texts: metric -> what is said above its row, as Markdown.
        rows: metric -> (number, UUID, chart) of its charts.
    """
    tree: dict[str, Any] = {"DASHBOARD_VERSION_KEY": "v2"}
    _put(tree, ROOT, "ROOT", [], [GRID])
    _put(tree, GRID, "GRID", [ROOT], [TABS])
    _put(tree, TABS, "TABS", [ROOT, GRID], [tab(d) for d in domains])
    _put(tree, "HEADER_ID", "HEADER", [], [], text=title)
    for domain, names in domains.items():
        above = [ROOT, GRID, TABS]
        _put(tree, tab(domain), "TAB", above, [i for n in names for i in (f"ROW-text-{n}", f"ROW-{n}")], text=domain.title())
        for name in names:
            _row(tree, [*above, tab(domain)], name, texts[name], rows[name])
    return tree


def tab(domain: str) -> str:
    """The id of a domain's tab."""
    return f"TAB-{domain}"


def _put(tree: dict[str, Any], own: str, kind: str, above: list[str], children: list[str], **meta: Any) -> None:
    tree[own] = {"id": own, "type": kind, "children": children, "parents": above, "meta": meta}


def _row(tree: dict[str, Any], above: list[str], name: str, text: str, placed: Sequence[tuple[int, str, Chart]]) -> None:
    words, row, column = f"ROW-text-{name}", f"ROW-{name}", f"COLUMN-{name}"
    _put(tree, words, "ROW", above, [f"MARKDOWN-{name}"], background="BACKGROUND_TRANSPARENT")
    _put(tree, f"MARKDOWN-{name}", "MARKDOWN", [*above, words], [], code=text, width=12, height=6 + 3 * (1 + len(text) // LINE))
    totals = [p for p in placed if p[2].kind == "big_number_total"]
    ids = {number: f"CHART-{name}-{number}" for number, *_ in placed}
    beside = [ids[n] for n, _, c in placed if c.kind != "big_number_total"]
    _put(tree, row, "ROW", above, [*([column] if totals else []), *beside], background="BACKGROUND_TRANSPARENT")
    if totals:
        stacked = [ids[n] for n, *_ in totals]
        _put(tree, column, "COLUMN", [*above, row], stacked, width=2, background="BACKGROUND_TRANSPARENT")
    for number, uuid, chart in placed:
        is_total = chart.kind == "big_number_total"
        parents = [*above, row, *([column] if is_total else [])]
        height = (HEIGHT - 2 * (len(totals) - 1)) // len(totals) if is_total else HEIGHT
        meta = {
            "chartId": number,
            "uuid": uuid,
            "sliceName": f"{chart.metric}: {chart.title}",
            "sliceNameOverride": chart.title,
            "width": chart.width,
            "height": height,
        }
        _put(tree, ids[number], "CHART", parents, [], **meta)


def filters(dataset: str, column: str, tabs: Sequence[str], without: Sequence[int]) -> list[dict[str, Any]]:
    """Time for every chart; a choice of a column's values for all charts but those that lack the column.

    Args:
        dataset: UUID of the dataset whose values are offered.
        without: numbers of the charts without the column.
    """
    empty: dict[str, Any] = {"extraFormData": {}, "filterState": {}, "ownState": {}}
    shared = {
        "cascadeParentIds": [],
        "defaultDataMask": empty,
        "description": "",
        "tabsInScope": list(tabs),
        "type": "NATIVE_FILTER",
    }
    days = {
        "id": "NATIVE_FILTER-days",
        "name": "Days",
        "filterType": "filter_time",
        "targets": [{}],
        "controlValues": {"enableEmptyFilter": False},
        "scope": {"rootPath": [ROOT], "excluded": []},
    }
    chosen = {
        "id": f"NATIVE_FILTER-{column}",
        "name": column.title(),
        "filterType": "filter_select",
        "targets": [{"datasetUuid": dataset, "column": {"name": column}}],
        "controlValues": {
            "multiSelect": True,
            "enableEmptyFilter": False,
            "defaultToFirstItem": False,
            "searchAllOptions": False,
            "inverseSelection": False,
            "sortAscending": True,
        },
        "scope": {"rootPath": [ROOT], "excluded": list(without)},
    }
    return [shared | days, shared | chosen]
