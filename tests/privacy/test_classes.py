"""Contracts that say of privacy what cannot be done are refused; what they say is shown."""

from typing import Any

import pytest

from assets.dictionary.entry import entries
from assets.dictionary.markdown import page
from schemas import odcs
from schemas.column import Column
from schemas.contract import Contract
from schemas.errors import ContractError
from schemas.evolution import breaking_changes, locked
from schemas.registry import feed

BASE: dict[str, Any] = {"name": "x", "layer": "feed", "domain": "d", "version": 1, "doc": "d", "key": ("id",), "event_time": "at"}
ID, TIME = Column("id", "string", "id", nullable=False), Column("at", "instant", "at", nullable=False)


def contract(*columns: Column, **more: Any) -> Contract:
    return Contract(**(BASE | {"columns": (ID, TIME, *columns)} | more))


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (Column("c", "string", "c", privacy="pseudonymise"), "names no key"),
        (Column("c", "int", "c", privacy="pseudonymise", purpose="p"), "a pseudonym of a int"),
        (Column("c", "string", "c", privacy="pseudonymise", purpose="p", pattern="^C[0-9]$"), "that a pseudonym breaks"),
        (Column("c", "string", "c", privacy="pseudonymise", purpose="p", rotates="week"), "rotates='week'"),  # type: ignore[arg-type]
        (Column("c", "string", "c", purpose="p"), "without privacy"),
        (Column("c", "string", "c", privacy="coarsen"), "go together"),
        (Column("c", "float", "c", privacy="coarsen", coarsen="h3:16"), "coarsen='h3:16' on a float"),
        (Column("c", "string", "c", privacy="coarsen", coarsen="minute"), "coarsen='minute' on a string"),
        (Column("lat", "float", "c", privacy="coarsen", coarsen="h3:9"), "one is not coarse"),
        (Column("c", "string", "c", privacy="secret"), "privacy class 'secret' is unknown"),  # type: ignore[arg-type]
        (Column("c", "string", "c", privacy="forbidden", nullable=False), "every row must have"),
    ],
)
def test_what_cannot_be_done_is_refused(column: Column, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        contract(column)


def test_a_contract_forbids_what_is_known() -> None:
    assert contract().forbids == ("image", "biometric", "plate")
    with pytest.raises(ContractError, match="forbids 'music'"):
        contract(forbids=("music",))
    with pytest.raises(ContractError, match="only feeds"):
        guarded = Column("c", "string", "c", privacy="pseudonymise", purpose="p")
        Contract("x", "reference", "d", 1, "d", (ID, guarded), ("id",))


def test_another_treatment_breaks_a_contract() -> None:
    was = contract(Column("c", "string", "c", privacy="pseudonymise", purpose="p"))
    now = contract(Column("c", "string", "c", privacy="pseudonymise", purpose="p", rotates="day"))
    assert breaking_changes(locked(was), now) == ["column c: privacy was 'pseudonymise for p', is 'pseudonymise for p, by day'"]


def test_class_and_treatment_are_shown() -> None:
    told = odcs.project(feed("eservice_transactions"))["schema"][0]["properties"]
    column = next(p for p in told if p["name"] == "customer_id")
    assert column["classification"] == "pseudonymise" and column["transformLogic"] == "pseudonymise for eservices"
    calls = page(next(e for e in entries() if e.contract.name == "emergency_calls"))
    assert "`lat`: coarsen to h3:10" in calls and "refused as forbidden content" in calls
