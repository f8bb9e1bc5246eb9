"""A released contract changes only in ways that nobody has to know of; anything else is a new version."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import evolution, registry
from schemas.column import Column
from schemas.contract import Contract, RowRule
from schemas.errors import ContractError

FEED = Contract(
    name="door_counts",
    layer="feed",
    domain="test",
    version=1,
    doc="One door.",
    columns=(
        Column("door_id", "string", "door", nullable=False, pattern="^d"),
        Column("seen_at", "instant", "instant", nullable=False),
        Column("interval_s", "int", "length", unit="s", default=60, nullable=False),
        Column("people", "int", "people", minimum=0, maximum=100),
        Column("warmth", "float", "degrees"),
        Column("state", "string", "state", allowed=("open", "shut")),
    ),
    key=("door_id", "seen_at"),
    event_time="seen_at",
    interval="interval_s",
    row_rules=(RowRule("few", "people < 90", "few"),),
)
METRIC = replace(FEED, layer="metric", event_time=None, interval=None, row_rules=())
CONTRACTS = {f"{layer} {c.name}": c for layer in registry.FOLDERS for c in registry.contracts(layer).values()}
CONTRACTS |= {"metric alerts": registry.kernel()["alerts"]}


def without(contract: Contract, name: str) -> Contract:
    return replace(contract, columns=tuple(c for c in contract.columns if c.name != name))


def change(name: str, /, **values: object) -> Callable[[Contract], Contract]:
    """A change of one column of a contract."""
    return lambda contract: replace(
        contract, columns=tuple(replace(c, **values) if c.name == name else c for c in contract.columns)
    )


BREAKING_FOR_ALL = {
    "removed column": lambda c: without(c, "warmth"),
    "renamed column": change("warmth", name="heat"),
    "other type": change("warmth", kind="int"),
    "other unit": change("warmth", unit="K"),
    "required to nullable": change("interval_s", nullable=True),
    "other default": change("interval_s", default=30),
    "weaker privacy": change("warmth", privacy="open"),
    "other key": lambda c: replace(c, key=("door_id",)),
}
BREAKING_FOR_FEEDS = {
    "nullable to required": change("warmth", nullable=False),
    "new lower bound": change("warmth", minimum=0),
    "new upper bound": change("warmth", maximum=50),
    "higher lower bound": change("people", minimum=1),
    "lower upper bound": change("people", maximum=99),
    "fewer allowed": change("state", allowed=("open",)),
    "allowed list where anything was allowed": change("door_id", allowed=("d1",)),
    "other pattern": change("door_id", pattern="^d[0-9]"),
    "new pattern": change("state", pattern="^o"),
    "new required column": lambda c: c.with_columns(Column("floor", "int", "floor", nullable=False)),
    "new row rule": lambda c: replace(c, row_rules=(*c.row_rules, RowRule("more", "people > 1", ""))),
    "other row rule": lambda c: replace(c, row_rules=(RowRule("few", "people < 80", ""),)),
    "other kind": lambda c: replace(c, kind="states"),
    "stamped at the end": lambda c: replace(c, stamped="end"),
    "no interval": lambda c: replace(c, interval=None),
}
COMPATIBLE = {
    "nothing": lambda c: c,
    "new nullable column": lambda c: c.with_columns(Column("floor", "int", "floor")),
    "new column with default": lambda c: c.with_columns(Column("floor", "int", "floor", nullable=False, default=0)),
    "wider bounds": change("people", minimum=-1, maximum=101),
    "no bounds": change("people", minimum=None, maximum=None),
    "more allowed": change("state", allowed=("open", "shut", "ajar")),
    "anything allowed": change("state", allowed=None),
    "no pattern": change("door_id", pattern=None),
    "no row rule": lambda c: replace(c, row_rules=()),
    "other words": lambda c: replace(change("warmth", doc="warmth of the air")(c), doc="One door, in other words."),
    "other order": lambda c: replace(c, columns=c.columns[::-1]),
}


def base(case: str, contract: Contract) -> Contract:
    return change("warmth", privacy="forbidden")(contract) if case == "weaker privacy" else contract


@pytest.mark.parametrize("case", [*BREAKING_FOR_ALL, *BREAKING_FOR_FEEDS])
def test_a_breaking_change_of_a_feed_is_seen(case: str) -> None:
    old = base(case, FEED)
    assert evolution.breaking_changes(evolution.locked(old), (BREAKING_FOR_ALL | BREAKING_FOR_FEEDS)[case](old))


@pytest.mark.parametrize("case", BREAKING_FOR_ALL)
def test_a_breaking_change_of_a_metric_is_seen(case: str) -> None:
    old = base(case, METRIC)
    assert evolution.breaking_changes(evolution.locked(old), BREAKING_FOR_ALL[case](old))


@pytest.mark.parametrize("contract", [FEED, METRIC], ids=["feed", "metric"])
@pytest.mark.parametrize("case", COMPATIBLE)
def test_a_compatible_change_is_accepted(case: str, contract: Contract) -> None:
    assert evolution.breaking_changes(evolution.locked(contract), COMPATIBLE[case](contract)) == []


def test_a_metric_may_become_stricter() -> None:
    stricter = change("warmth", nullable=False, minimum=0)(METRIC)
    assert evolution.breaking_changes(evolution.locked(METRIC), stricter) == []


def test_a_breaking_change_without_a_new_version_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    assert [f.name for f in evolution.release(tmp_path, [FEED])] == ["feed_door_counts.v1.json"]
    before = (tmp_path / "feed_door_counts.v1.json").read_bytes()
    with pytest.raises(ContractError) as caught:
        evolution.release(tmp_path, [replace(METRIC, name="other"), without(FEED, "warmth")])
    assert caught.value.where == "feed door_counts v1"
    assert "column warmth is gone" in caught.value.found
    assert "version=2" in caught.value.remedy
    assert [f.name for f in tmp_path.iterdir()] == ["feed_door_counts.v1.json"]
    assert (tmp_path / "feed_door_counts.v1.json").read_bytes() == before


def test_a_breaking_change_with_a_new_version_is_released_beside_the_old(tmp_path: Path) -> None:
    evolution.release(tmp_path, [FEED])
    assert len(evolution.release(tmp_path, [replace(without(FEED, "warmth"), version=2)])) == 1
    assert evolution.released_versions(FEED, tmp_path) == [1, 2]
    with pytest.raises(ContractError, match="version 2 was released before"):
        evolution.release(tmp_path, [FEED])


def test_a_compatible_change_renews_the_lock_so_that_the_next_change_is_held_against_it(tmp_path: Path) -> None:
    evolution.release(tmp_path, [FEED])
    wider = FEED.with_columns(Column("floor", "int", "floor"))
    assert len(evolution.release(tmp_path, [wider])) == 1
    assert evolution.release(tmp_path, [wider]) == []
    with pytest.raises(ContractError, match="column floor is gone"):
        evolution.release(tmp_path, [FEED])


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_contract_keeps_what_was_released(name: str) -> None:
    contract = CONTRACTS[name]
    file = evolution.FOLDER / evolution.lock_name(contract)
    assert not evolution.unreleased(contract), f"{file.name} is missing or behind: run `make release`"
    assert json.loads(file.read_text("utf-8")) == evolution.locked(contract)


def test_every_lock_belongs_to_a_contract() -> None:
    known = {(c.layer, c.name) for c in CONTRACTS.values()}
    locks = [json.loads(f.read_text("utf-8")) for f in evolution.FOLDER.glob("*.json")]
    gone = [(lock["layer"], lock["name"]) for lock in locks if (lock["layer"], lock["name"]) not in known]
    assert not gone, f"{gone} were released and are not there any more: bring them back, or delete their locks and say so"
