"""Random publications of two tables, in random order, against a slow oracle in plain Python."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from assets.refined import refine
from schemas import ledger
from tests.landing.driver import Inbox
from tests.landing.test_snapshots import BLOCK, HEAD

START = datetime(2026, 6, 1, tzinfo=UTC)
SAID = [f"2026-05-0{day}T08:00:00Z,{severity},0" for day in (1, 2) for severity in "OA"]


def published(rng: random.Random) -> dict[str, list[dict[str, str]]]:
    """Of each table its publications, a week apart: what they say of each key; some say nothing."""
    out = {}
    for table in ("police", "state"):
        keys = [f"{table[0]}{n}" for n in range(5)]
        out[table] = [{k: rng.choice(SAID) for k in keys if rng.random() < 0.6} if rng.random() < 0.9 else {} for _ in range(6)]
    return out


def expected(tables: dict[str, list[dict[str, str]]]) -> set[tuple[str, str, str, str | None]]:
    """(key, what is said, from, to), walked publication by publication and day by day."""
    out = set()
    for publications in tables.values():
        dated = [(f"{START + timedelta(weeks=n):%Y-%m-%d}", said) for n, said in enumerate(publications) if said]
        holding: dict[tuple[str, str], tuple[str, str]] = {}
        for at, said in dated:
            now = {(key, what[:10]): what for key, what in said.items()}
            for place, (what, since) in list(holding.items()):
                if now.get(place) != what:
                    out.add((place[0], what, since, at))
                    del holding[place]
            for place, what in now.items():
                holding.setdefault(place, (what, at))
        out |= {(key, what, since, None) for (key, _), (what, since) in holding.items()}
    return out


@pytest.mark.parametrize("seed", range(6))
def test_versions_agree_with_the_oracle_in_any_order_of_landing(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    inbox, tables = Inbox(tmp_path), published(rng)
    files = [(t, n, said) for t, publications in tables.items() for n, said in enumerate(publications)]
    rng.shuffle(files)
    for table, n, said in files:
        rows = [f"{k},{what}" for k, what in said.items()]
        rows += rng.choices(rows, k=2) if rows else []
        rng.shuffle(rows)
        inbox.put(f"{table}/{START + timedelta(weeks=n):%Y-%m-%d}.csv", "\n".join([HEAD, *rows]) + "\n")
        inbox.land("crashes", name=table, uri=f"{table}/*.csv", **BLOCK)
        if rng.random() < 0.5:
            refine(inbox.lake, inbox.city, "crashes")
    refine(inbox.lake, inbox.city, "crashes")
    scan = inbox.lake.scan("refined", "crashes")
    assert scan is not None
    found = {
        (
            r["crash_id"],
            f"{r['occurred_at']:%Y-%m-%dT%H:%M:%SZ},{r['severity']},{r['killed']}",
            f"{r['valid_from']:%Y-%m-%d}",
            r["valid_to"] and f"{r['valid_to']:%Y-%m-%d}",
        )
        for r in scan.collect().to_dicts()
    }
    assert found == expected(tables)
    assert ledger.balance(inbox.lake)["off_by"].sum() == 0
