"""Small simulated cities, made once: a usual one, and two whose clocks change."""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipelines.simulator import FaultRates, Simulated, simulate
from schemas.city import City

CITY = City("Demo City", "Europe/Berlin")
MANY = FaultRates(**{k: (v if k == "files" else min(v * 8, 0.08)) for k, v in asdict(FaultRates()).items()})
STARTS = {"usual": date(2026, 5, 1), "autumn": date(2026, 10, 24), "spring": date(2026, 3, 28)}


@dataclass
class Made:
    name: str
    simulated: Simulated

    def truth(self, name: str) -> pl.DataFrame:
        return pl.read_parquet(self.simulated.truth / f"{name}.parquet")

    def keys(self, feed: str, sources: tuple[str, ...]) -> pl.DataFrame:
        return pl.concat(pl.read_parquet(self.simulated.truth / "keys" / feed / f"{s}-*.parquet") for s in sources)

    def books(self, sources: tuple[str, ...]) -> Counter[str]:
        """The books of these sources together."""
        return sum((Counter(self.simulated.by_source[s]) for s in sources), Counter())

    def reference(self, name: str) -> pl.DataFrame:
        return pl.read_csv(self.simulated.folder / "reference" / f"{name}.csv")


@pytest.fixture(scope="session", params=STARTS)
def made(request, tmp_path_factory) -> Made:
    folder: Path = tmp_path_factory.mktemp(request.param)
    return Made(request.param, simulate(folder, CITY, STARTS[request.param], 2, 24_000, 11, MANY))
