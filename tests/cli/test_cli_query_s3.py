"""`citylake query` of a lake on a real S3 server: closed around its files, and still answered."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.sources.files import s3
from schemas import ledger
from schemas.lake import Lake
from tests.integration.s3_server import s3_server

pytestmark = pytest.mark.slow

TOML = '[city]\nname = "Remote"\ntime_zone = "UTC"\n[lake]\nroot = "s3://city/lake"\n'


def test_a_remote_lake_is_asked_and_nothing_else(cli: Any, tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        s3().mkdir("city")
        s3().pipe("city/outside.txt", b"secret")
        toml = tmp_path / "c.toml"
        toml.write_text(TOML, encoding="utf-8")
        lake = Lake("s3://city/lake")
        for number in (1, 2):
            tally = ledger.Tally("land", "a", date(2026, 6, number), taken=number, kept=number)
            ledger.record(lake, f"part-{number}", [tally], datetime(2026, 6, number, tzinfo=UTC))
        sql = "SELECT sum(taken) AS taken FROM ledger"
        assert cli("query", sql, "-c", toml, "--json").json == [{"taken": 3}]
        assert cli("query", sql, "-c", toml, "--json", "--as-of", 1).json == [{"taken": 1}]
        assert cli("query", "FROM ledger", "-c", toml, "--parquet", "out.parquet").code == 0
        assert pl.read_parquet("out.parquet")["taken"].sum() == 3
        for place in ("s3://city/outside.txt", str(toml)):
            refused = cli("query", f"SELECT * FROM ledger, read_text('{place}')", "-c", toml)
            assert (refused.code, "reads the lake's tables and nothing else" in refused.err) == (1, True), refused
        wrong = cli("query", "SELECT 1 FROM ledger", "-c", toml, "--as-of", 9)
        assert "there is no version 9; its log tells of 0 to 2" in wrong.err
