"""Some sources of the real city, taken the whole way in a lake of their own. What is true of them is asserted in the tests."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb

from dagster_project import settings, way

DATA = Path(__file__).parents[3] / "shared" / "data"
TOML = Path(__file__).with_name("real_city.toml")
Query = Callable[[str], list[tuple]]


def only(real: settings.Settings, *names: str) -> settings.Settings:
    """The same settings with these sources alone, and no reference tables."""
    chosen = {f: tuple(s for s in those if s.name in names) for f, those in real.sources.items()}
    assert sum(len(those) for those in chosen.values()) == len(names)
    return replace(real, sources=chosen, references={})


def built(lake: Path, *names: str) -> settings.Settings:
    """The real city with these sources alone, landed and measured; no file is refused and no gate blocks."""
    real = only(settings.load(TOML, str(lake)), *names)
    assert [r for one in way.land(real) for r in one.refused] == []
    assert way.build(real).blocked == set()
    return real


def query(city: settings.Settings) -> Query:
    """SQL over the lake's tables as `raw_traffic_flow`, `metrics_energy_daily`, ..."""
    engine = duckdb.connect()
    engine.execute("SET TimeZone = 'UTC'")
    for layer, name in city.lake.tables():
        files = [f.uri for f in city.lake.files(layer, name)]
        if files:
            read = f"read_parquet({files}, hive_partitioning = true, union_by_name = true)"
            engine.execute(f"CREATE VIEW {layer}_{name} AS FROM {read}")
    return lambda sql: engine.sql(sql).fetchall()
