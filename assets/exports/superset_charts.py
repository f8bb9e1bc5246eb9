"""Charts of one metric for Apache Superset 6: totals, a line over time, a heat map of hour x weekday or a table.

What they are placed on belongs to `assets.exports.superset_layout`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assets.duck import quoted
from assets.exports.superset_numbers import WITHHELD, Number
from schemas.column import Column
from schemas.contract import Contract

HOUR, WEEKDAY, DISTRICT = "hour", "weekday", "district"
SERIES, CELLS, TABLE_ROWS, TABLE_NUMBERS = 12, 5000, 500, 6
DAYS = ("1 Mon", "2 Tue", "3 Wed", "4 Thu", "5 Fri", "6 Sat", "7 Sun")


@dataclass(frozen=True)
class Chart:
    """One chart, of the dataset of a metric. `width` is in twelfths of a row."""

    metric: str
    title: str
    kind: str
    width: int
    params: dict[str, Any] = field(hash=False)


def time_column(columns: Sequence[Column]) -> str:
    """What a metric's rows are dated by on the wall clock of the city: its days are the city's days."""
    return "local_time" if any(c.name == "local_time" for c in columns) else "event_date"


def made_columns(columns: Sequence[Column]) -> dict[str, str]:
    """Columns that heat maps need and tables lack: name -> SQL. A text each, so that they sort as they should."""
    if time_column(columns) != "local_time":
        return {}
    names = ", ".join(f"'{d}'" for d in DAYS)
    return {HOUR: "strftime(local_time, '%H')", WEEKDAY: f"list_extract([{names}], isodow(local_time))"}


def charts(contract: Contract, columns: Sequence[Column], found: Sequence[Number]) -> list[Chart]:
    """The charts of a metric, in the order in which they stand in a row."""
    headlines = [n for n in found if n.is_headline] or [n for n in found if n.kind == "count"][:1]
    ratio = next((n for n in headlines if n.kind == "ratio"), headlines[0])
    base = next((n for n in found if n.name == ratio.base), None)
    amount = base or next((n for n in headlines if n.is_amount), ratio)
    apart = [c.name for c in contract.columns if c.roll_up == "apart"]
    maker = _Maker(contract, columns, apart)
    # rows that are never put together have no total; two numbers that are one are shown once
    totals = [] if apart else [maker.total(n) for n in dict.fromkeys((amount, ratio))]
    width = (12 - (2 if totals else 0)) // 2
    line = maker.line(ratio if base else amount, width)
    if made_columns(columns):
        return [*totals, line, maker.heat(ratio, width)]
    return [*totals, line, maker.table([*headlines, *(n for n in found if n.name == WITHHELD)], width)]


class _Maker:
    """What the charts of one metric share."""

    def __init__(self, contract: Contract, columns: Sequence[Column], apart: list[str]) -> None:
        self.contract, self.apart, self.time = contract, apart, time_column(columns)
        self.names = {c.name for c in columns}
        self.grain = "P1M" if contract.period == "month" else "PT1H" if self.time == "local_time" else "P1D"

    def _chart(self, kind: str, title: str, width: int, **params: Any) -> Chart:
        in_time = {"clause": "WHERE", "expressionType": "SIMPLE", "operator": "TEMPORAL_RANGE", "subject": self.time}
        filters = [in_time | {"comparator": "No filter"}]
        params = {"viz_type": kind, "adhoc_filters": filters, "granularity_sqla": self.time, **params}
        return Chart(self.contract.name, title, kind, width, params)

    def total(self, number: Number) -> Chart:
        return self._chart(
            "big_number_total", number.title, 2, metric=number.name, y_axis_format=number.form, subtitle="", header_font_size=0.3
        )

    def line(self, number: Number, width: int) -> Chart:
        """Over time; of each value apart, else of each district."""
        series = self.apart or [c for c in (DISTRICT,) if c in self.names]
        return self._chart(
            "echarts_timeseries_line",
            f"{number.title} over time",
            width,
            metrics=[number.name],
            x_axis=self.time,
            groupby=series,
            time_grain_sqla=self.grain,
            limit=SERIES,
            timeseries_limit_metric=number.name,
            row_limit=CELLS,
            show_legend=bool(series),
            legendType="scroll",
            legendOrientation="top",
            rich_tooltip=True,
            y_axis_format=number.form,
            x_axis_time_format="smart_date",
            markerEnabled=self.grain != "PT1H",
            markerSize=6,
        )

    def heat(self, number: Number, width: int) -> Chart:
        """By hour and weekday, or by hour and what is kept apart; amounts on a mean day, as weekdays come unequally often."""
        down = self.apart[0] if self.apart else WEEKDAY
        metric: Any = number.name
        title = f"{number.title} by hour and {down}"
        if number.kind == "sum":
            sql = f"{number.sql} / COUNT(DISTINCT {quoted('event_date')})"
            metric = {
                "expressionType": "SQL",
                "sqlExpression": sql,
                "label": f"{number.title} on a mean day",
                "hasCustomLabel": True,
            }
            title = f"{number.title} on a mean day, by hour and {down}"
        return self._chart(
            "heatmap_v2",
            title,
            width,
            metric=metric,
            x_axis=HOUR,
            groupby=down,
            row_limit=CELLS,
            sort_x_axis="alpha_asc",
            sort_y_axis="alpha_desc",
            normalize_across="heatmap",
            legend_type="continuous",
            linear_color_scheme="blue_white_yellow",
            xscale_interval=1,
            yscale_interval=1,
            show_legend=True,
            show_percentage=False,
            show_values=False,
            value_bounds=[None, None],
            y_axis_format=number.form,
            left_margin="auto",
            bottom_margin="auto",
        )

    def table(self, found: Sequence[Number], width: int) -> Chart:
        """By district or by the first text of the key, and by what is kept apart."""
        texts = [k for k in self.contract.key if self.contract[k].kind == "string" and k not in self.apart]
        by = [DISTRICT] if DISTRICT in self.names else texts[:1]
        shown = [n.name for n in found][:TABLE_NUMBERS]
        if found and found[-1].name == WITHHELD:
            shown[-1] = WITHHELD
        return self._chart(
            "table",
            "by " + ", ".join([*by, *self.apart]),
            width,
            query_mode="aggregate",
            groupby=[*by, *self.apart],
            metrics=shown,
            all_columns=[],
            order_desc=True,
            row_limit=TABLE_ROWS,
            server_page_length=10,
            table_timestamp_format="smart_date",
            column_config={n.name: {"d3NumberFormat": n.form} for n in found if n.name in shown},
            show_cell_bars=True,
        )
