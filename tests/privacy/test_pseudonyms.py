"""Pseudonyms: the HMAC of the standard, by purpose and day; no clear identifier stands anywhere in the lake."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.refined import refine
from pipelines import steps
from pipelines.privacy import keys, treatment
from pipelines.privacy.pseudonyms import by_day, pseudonyms
from schemas.registry import feed
from tests.landing.driver import Inbox
from tests.privacy.planted import where_found

FEED = "eservice_transactions"
CLEAR = "Customer-4711"


def transaction(number: int, **more: object) -> dict:
    """A good row."""
    return {
        "transaction_id": f"T{number}", "service": "certificate", "channel": "web", "submitted_at": "2026-05-01T08:00:00Z",
        "completed_at": "2026-05-01T08:10:00Z", "outcome": "completed", "customer_id": f"{CLEAR}-{number % 3}", **more,
    }  # fmt: skip


def lines(*rows: dict) -> bytes:
    return b"".join(json.dumps(r).encode() + b"\n" for r in rows)


@given(st.binary(min_size=32, max_size=150), st.lists(st.one_of(st.none(), st.text(max_size=90)), max_size=8))
def test_it_is_the_hmac_of_the_standard(key: bytes, texts: list[str | None]) -> None:
    told = [t if t is None else t.encode("utf-8", "replace").decode() for t in texts]
    made = pseudonyms(pl.Series("t", told, dtype=pl.String), key)
    assert made.to_list() == [None if t is None else hmac.new(key, t.encode(), hashlib.sha256).hexdigest()[:32] for t in told]


def test_a_published_case() -> None:
    # RFC 4231, test case 2
    made = pseudonyms(pl.Series(["what do ya want for nothing?"]), b"Jefe")
    assert made[0] == "5bdcc146bf60754e6a042426089575c7"


def test_of_two_days_none_is_linked_without_the_key() -> None:
    days = pl.Series([date(2026, 5, 1), date(2026, 5, 1), date(2026, 5, 2), None])
    first, again, next_day, never = by_day(pl.Series(["a", "a", "a", "a"]), days, b"k" * 32)
    assert first == again != next_day and never is None
    # who holds the key of a day can make that day's pseudonyms and no other's
    assert first == pseudonyms(pl.Series(["a"]), keys.of_day(b"k" * 32, "2026-05-01"))[0]


def test_rows_are_rotated_by_their_local_day() -> None:
    contract = feed(FEED)
    column = replace(contract["customer_id"], rotates="day")
    rotating = replace(contract, columns=tuple(column if c.name == column.name else c for c in contract.columns))
    rows = pl.DataFrame({"customer_id": ["a", "a"], "event_date": [date(2026, 5, 1), date(2026, 5, 2)]})
    made = treatment.treated(rows, rotating)["customer_id"]
    assert made[0] != made[1] and len(made[0]) == 32


BAD = [
    transaction(10, completed_at="2026-01-01T00:00:00Z"),
    transaction(11, amount_cents="many"),
    transaction(12, service="wizardry"),
    transaction(13, customer_id=CLEAR + "\x01"),
    transaction(14, submitted_at=None, other=CLEAR, customer={"id": CLEAR}),
    transaction(15, plate="B-XY 1"),
]


@pytest.mark.parametrize("fmt", ["json_lines", "json", "csv", "parquet"])
def test_no_clear_identifier_is_anywhere(inbox: Inbox, fmt: str, capsys: pytest.CaptureFixture) -> None:
    rows = [transaction(n) for n in range(6)] + (BAD if fmt != "parquet" else [b for b in BAD if "other" not in b])
    if fmt == "json_lines":
        content = lines(*rows) + lines(transaction(16))[:-9] + b"\n"
    elif fmt == "json":
        content = json.dumps(rows).encode()
    else:
        told = [{k: None if v is None else str(v) for k, v in r.items()} for r in rows]
        flat = pl.DataFrame(told, infer_schema_length=None)
        path = inbox.folder / "made"
        flat.write_csv(path) if fmt == "csv" else flat.write_parquet(path)
        content = path.read_bytes() + (CLEAR.encode() + b",too,short\n" if fmt == "csv" else b"")
    inbox.put("a.x", content)
    inbox.land(FEED, uri="a.x", format=fmt)
    kept, refused = inbox.raw(FEED), inbox.refused(FEED)
    assert kept["customer_id"].n_unique() == 3 and kept["customer_id"].str.contains("^[0-9a-f]{32}$").all()
    assert refused.height >= 5 and inbox.off_by() == 0
    assert where_found(Path(inbox.lake.root), CLEAR) == []
    assert CLEAR not in "".join(capsys.readouterr())


def test_a_refused_row_can_be_told_again_by_its_pseudonym(inbox: Inbox) -> None:
    inbox.put("a.jsonl", lines(transaction(1), transaction(4, outcome="lost")))
    inbox.land(FEED, uri="a.jsonl", format="json_lines")
    payload = json.loads(inbox.refused(FEED)["payload"][0])
    assert payload["customer_id"] == inbox.raw(FEED)["customer_id"][0] and payload["outcome"] == "lost"


def test_the_same_rows_again_are_repeats(inbox: Inbox) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        inbox.put(name, lines(*(transaction(n) for n in range(6))))
        inbox.land(FEED, uri=name, format="json_lines")
    done = refine(inbox.lake, inbox.city, FEED)
    assert [(d.kept, d.repeated) for d in done] == [(6, 6)]
    refined = inbox.lake.scan("refined", FEED)
    assert refined is not None and refined.collect()["customer_id"].n_unique() == 3


def test_a_landing_that_was_cut_short_is_done_again_to_the_same_end(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox.put("a.jsonl", lines(*(transaction(n) for n in range(6))))
    with monkeypatch.context() as once:
        once.setattr(steps, "_count", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            inbox.land(FEED, uri="a.jsonl", format="json_lines")
    before = {p.name: p.read_bytes() for p in Path(inbox.lake.root).rglob("*.parquet")}
    assert where_found(Path(inbox.lake.root), CLEAR) == []
    inbox.land(FEED, uri="a.jsonl", format="json_lines")
    after = {p.name: p.read_bytes() for p in Path(inbox.lake.root).rglob("*.parquet")}
    assert inbox.raw(FEED).height == 6 and set(before) <= set(after)
