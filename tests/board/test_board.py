"""The board without a browser: how numbers go together, what is written, and what is not."""

import json
import math
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets.board.cube import cut
from assets.board.page import Page
from assets.board.render import render, script
from assets.board.rollups import measures, recomputed
from assets.board.site import navigation, put, write_board
from assets.board.source import Source, source
from schemas.column import Column
from schemas.contract import Contract
from schemas.errors import CitylakeError, LakeError
from schemas.lake import Lake
from schemas.measure import count, ratio, total
from schemas.registry import metrics
from tests.board.conftest import NASTY, TOWN

A, B, C = (total(n, n, "s", "sum") for n in "abc")
LEVEL = Column("p", "float", "a percentile")
COLUMNS = {c.name: c for c in (A, B, C, LEVEL)}


@pytest.mark.parametrize(
    ("formula", "parts"),
    [
        ("a / b", ("a", "b")),
        ("60 * a / b", ("a", "b")),
        ("1 - a / b", ("a", "b")),
        ("a / (b - c)", ("a", "b", "c")),
        ("10 * log10(a / b)", ("a", "b")),
        ("(a + b) / (a + b + c)", ("a", "b", "c")),
        # sums of these are not what the formula says of sums
        ("a * b", None),
        ("a / b + c", None),
        ("a / (b * c)", None),
        ("a + 1", None),
        ("log10(a)", None),
        ("p / a", None),
        ("2 * 3", None),
        ("a", None),
        ("max(a)", None),
        ("a / b of the hour", None),
        ("sum(h^2) / (2 sum(h))", None),
        ("x.a / b", None),
        ("50th percentile, linear", None),
        ("a / b; DROP TABLE a", None),
        ("'a' / b", None),
    ],
)
def test_only_ratios_of_what_adds_up_are_computed_anew(formula: str, parts: tuple[str, ...] | None) -> None:
    read = recomputed(formula, COLUMNS)
    assert (read and read[1]) == parts


def test_every_metric_says_how_its_numbers_go_together() -> None:
    for contract in metrics().values():
        found = {m.name: m for m in measures(contract)}
        for column in contract.columns:
            if column.kind in ("int", "float") and column.name not in contract.key:
                assert column.name in found
                assert found[column.name].how == (column.roll_up or found[column.name].how)
        ranks = ("_p50", "_p90", "_p95", "peak_", "percentile")
        for m in found.values():
            if any(r in m.name or r in (m.column.formula or "") for r in ranks) and m.column.roll_up is None:
                assert m.how == "rows", m


def test_formulas_are_read_as_duckdb_reads_them() -> None:
    def computed(node: object, values: dict[str, float]) -> float:
        if not isinstance(node, list):
            return values[node] if isinstance(node, str) else float(str(node))
        left, right = (computed(n, values) for n in node[1:])
        if node[0] == "log10":
            return math.log10(left)
        return {"+": left + right, "-": left - right, "*": left * right, "/": left / (right or math.inf)}[node[0]]

    seen = 0
    with duckdb.connect() as con:
        for contract in metrics().values():
            for measure in measures(contract):
                if measure.how == "ratio":
                    values = {p: 3.0 + 7 * n for n, p in enumerate(reversed(measure.parts))}
                    row = ", ".join(f"{v}::DOUBLE AS {p}" for p, v in values.items())
                    truth = con.sql(f"SELECT {measure.column.formula} FROM (SELECT {row})").fetchone()
                    assert truth is not None
                    assert computed(measure.formula, values) == pytest.approx(truth[0]), measure
                    seen += 1
    assert seen > 20


METRIC = Contract(
    name="visits",
    layer="metric",
    domain="city",
    version=1,
    doc="Visits.",
    columns=(
        Column("place", "string", "place", nullable=False),
        Column("kind", "string", "kind", nullable=False, roll_up="apart"),
        Column("bin_at", "instant", "bin", nullable=False),
        Column("local_time", "local_time", "local", nullable=False),
        Column("district", "string", "district"),
        count("visits", "visits", "count"),
        total("spent_s", "time", "s", "sum"),
        ratio("mean_s", "mean", "s", "spent_s / visits"),
        ratio("top_s", "longest", "s", "max over visits"),
    ),
    key=("place", "kind", "bin_at"),
)


@pytest.fixture
def visits() -> duckdb.DuckDBPyConnection:
    """Three days of visits by the hour, on one of which the clocks go back; some rows know only half of a ratio."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'; CREATE SCHEMA metrics; CREATE SCHEMA reference")
    con.execute(
        """
        CREATE TABLE metrics.visits AS
        SELECT (bin_at AT TIME ZONE 'Europe/Berlin')::DATE AS event_date, 'p' || p AS place, k AS kind, bin_at,
            bin_at AT TIME ZONE 'Europe/Berlin' AS local_time, ['North', 'South', NULL][p % 3 + 1] AS district,
            (hash(p, k, bin_at) % 50)::BIGINT AS visits,
            CASE WHEN hash(p, bin_at, 1) % 7 > 0 THEN (hash(p, k, bin_at, 2) % 9000) / 7.0 END AS spent_s,
            CASE WHEN visits > 0 THEN spent_s / visits END AS mean_s, (hash(p, k, bin_at, 3) % 999) / 3.0 AS top_s
        FROM range(TIMESTAMPTZ '2025-10-24 22:00:00+00', TIMESTAMPTZ '2025-10-27 23:00:00+00', INTERVAL 1 HOUR) t(bin_at),
            range(5) u(p), (VALUES ('in'), ('out')) v(k)
        """
    )
    return con


def of(con: duckdb.DuckDBPyConnection) -> Source:
    found = source(con, METRIC)
    assert found is not None
    return found


@pytest.mark.parametrize("budget", [10**6, 4000, 900])
def test_tables_of_a_page_add_up_to_the_metric(visits: duckdb.DuckDBPyConnection, budget: int) -> None:
    found = of(visits)
    tables = cut(visits, found, measures(METRIC), budget)
    main = tables.main
    assert main.exact == (budget == 10**6)
    assert {"district", "kind"} <= set(main.dims)
    where = f"WHERE event_date >= DATE '{main.since}'" if main.since else ""
    truth = visits.sql(f"SELECT sum(visits), sum(spent_s), count(*) FROM metrics.visits {where}").fetchone() or ()
    got = main.frame.select(pl.col("visits").sum(), pl.col("spent_s").sum(), pl.col("rows").sum()).row(0)
    assert got == pytest.approx(truth)
    assert main.frame.height * main.frame.width <= budget or main.frame["day"].n_unique() == 1
    if main.exact:
        return
    # a ratio's parts are of the rows that know both
    whole = f"{where or 'WHERE true'} AND spent_s IS NOT NULL"
    truth = visits.sql(f"SELECT sum(visits), sum(spent_s), min(top_s), max(top_s) FROM metrics.visits {whole}").fetchone() or ()
    names = ("visits|mean_s", "spent_s|mean_s")
    assert main.frame.select(pl.col(n).sum() for n in names).row(0) == pytest.approx(truth[:2])
    assert tables.timed is not None
    assert tables.sample is not None
    assert set(tables.left_out) == set(found.dims) - set(main.dims)


def test_the_hour_that_comes_twice_is_two_hours(visits: duckdb.DuckDBPyConnection) -> None:
    frame = visits.sql(f"SELECT DISTINCT day, slot FROM ({of(visits).sql}) WHERE day = DATE '2025-10-26'").pl()
    assert sorted(frame["slot"].to_list()) == [*(h * 60 for h in range(24)), 1440 + 120]


def test_said_columns_have_one_length_and_places(visits: duckdb.DuckDBPyConnection) -> None:
    said = cut(visits, of(visits), measures(METRIC), 4000).main.said()
    columns = [said["day"], *said["values"].values(), *(d["at"] for d in said["dims"])]
    assert len({len(c) for c in columns}) == 1
    assert next(d for d in said["dims"] if d["name"] == "district")["values"] == ["North", "South", None]


def test_a_key_of_another_thing_does_not_place_a_row(visits: duckdb.DuckDBPyConnection) -> None:
    visits.execute("CREATE TABLE metrics.other AS SELECT * EXCLUDE (district), 'r' || place AS route_id FROM metrics.visits")
    visits.execute(
        "CREATE TABLE reference.routes AS "
        "SELECT 'rp' || n AS route_id, 'North' AS district, now() AS valid_from FROM range(5) r(n)"
    )
    columns = (*(c for c in METRIC.columns if c.name != "district"), Column("route_id", "string", "route", nullable=False))
    other = Contract("other", "metric", "city", 1, "Other.", columns, ("route_id", "kind", "bin_at"))
    placed = source(visits, other)
    assert placed is not None
    assert placed.dims[0] == "district"
    visits.execute("UPDATE reference.routes SET route_id = 'bus ' || route_id")
    lost = source(visits, other)
    assert lost is not None
    assert "district" not in lost.dims


def test_texts_from_outside_are_escaped_in_scripts() -> None:
    text = script(
        "citylake.data", {"a": f"</script>{NASTY}\u2028", "b": [float("nan"), 1.5, date(2025, 3, 1), datetime(2025, 3, 1)]}
    )
    assert not set("<>&\u2028") & set(text)
    told = json.loads(text.removeprefix("citylake.data=").removesuffix(";\n"))
    assert told == {"a": f"</script>{NASTY}\u2028", "b": [None, 1.5, "2025-03-01", "2025-03-01T00:00:00"]}


@pytest.mark.parametrize(
    "path",
    ["../x.html", "/x.html", "a/../x.html", "x.js", "static/x.html", "data/x.html", "a b.html", ".x.html", "a//x.html", ""],
)
def test_a_page_cannot_leave_the_board(path: str) -> None:
    with pytest.raises(CitylakeError):
        Page(path, "t", "g", "d", "b")


def test_pages_show_names_as_text() -> None:
    page = Page("a/b.html", NASTY, NASTY, NASTY, "<p>body</p>")
    site = {"city": NASTY, "zone": "Europe/Berlin", "at": datetime(2025, 3, 1)}
    html = render("page.html", page=page, menu=navigation([page]), site=site, bundle="static/v.js")
    assert "<img" not in html
    assert "<p>body</p>" in html
    assert 'href="../static/board.css"' in html
    assert "http" not in html.replace("http-equiv", "")


def test_groups_of_the_navigation_are_in_order() -> None:
    pages = [
        Page(f"{n}.html", n, g, "d", "")
        for n, g in (("z", "Trust"), ("b", "Water"), ("a", "Air"), ("index", "City"), ("c", "City"))
    ]
    pages.append(Page("hidden.html", "hidden", "Air", "d", "", unlisted=True))
    told = [(g, [p.title for p in ps]) for g, ps in navigation(pages)]
    assert told == [("City", ["index", "c"]), ("Air", ["a"]), ("Water", ["b"]), ("Trust", ["z"])]


def test_a_folder_holds_what_was_made_and_nothing_else(tmp_path: Path) -> None:
    folder, outside = tmp_path / "board", tmp_path / "outside.html"
    outside.write_text("mine", encoding="utf-8")
    put(folder, {"index.html": b"1", "metrics/a.html": b"2", "data/metrics/a.js": b"3"})
    same = (folder / "index.html").stat().st_mtime_ns
    (folder / "link.html").symlink_to(outside)
    (folder / "metrics" / "b.html").symlink_to(outside)
    put(folder, {"index.html": b"1", "metrics/b.html": b"4"})
    held = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert held == {"index.html": b"1", "metrics/b.html": b"4"}
    assert outside.read_text(encoding="utf-8") == "mine"
    assert not (folder / "data").exists()
    assert (folder / "index.html").stat().st_mtime_ns == same


def test_without_an_export_it_says_what_to_do(lake: Lake) -> None:
    with pytest.raises(LakeError, match="citylake export"):
        write_board(lake, TOWN, lake.exports())
