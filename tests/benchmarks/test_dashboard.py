"""The dashboard's benchmark: its made-up rows fit the contracts, every question has an answer, a part written again is right."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from benchmarks import dashboard, dashboard_ours, dashboard_year
from schemas.registry import metrics


@pytest.mark.parametrize("name", [*dashboard_year.MINUTES, *dashboard_year.BY_DAY])
def test_a_day_of_made_up_rows_keeps_its_key(name: str) -> None:
    contract, day = metrics()[name], date(2025, 3, 30)
    layer = "published" if contract.is_gated else "metrics"
    rows = dashboard_year.rows(contract, layer, dashboard_year.places(contract, 20), day)
    minutes = dashboard_year.MINUTES.get(name, 23 * 60)
    assert not rows.select(contract.key).is_duplicated().any()
    assert rows.height == dashboard_year.places(contract, 20).height * 23 * 60 // minutes
    for column in contract.columns:
        if column.maximum is not None and column.name in rows.columns:
            assert (rows[column.name].drop_nulls() <= column.maximum).all()


@pytest.mark.slow
def test_every_question_is_answered(tmp_path: Path) -> None:
    made = dashboard_year.make(str(tmp_path), 20, 32)
    assert dashboard_ours.write(str(tmp_path), last_month_only=False) > 0
    held = []
    for _ in range(2):
        with duckdb.connect(str(dashboard_ours.file(str(tmp_path))), read_only=True) as con:
            held.append({name: con.sql(f"SELECT count(*) FROM metrics.{name}").fetchall()[0][0] for name in made})
        dashboard_ours.write(str(tmp_path), last_month_only=True)
    assert held == [made, made]
    span = {"first": "2025-01-03", "last": "2025-02-01"}
    questions = [q.format(**span) for q in (*dashboard.QUESTIONS.values(), *dashboard.HEAVY.values())]
    told = dashboard_ours.ask(str(tmp_path), questions, 2)
    assert [[len(times) for times in told[clock]] for clock in ("wall", "processor")] == [[2] * len(questions)] * 2
