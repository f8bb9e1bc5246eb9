"""The adapter of Great Expectations: late import, verdicts and crashes told apart."""

import subprocess
import sys

import pandas as pd

from assets.expectations import validate


def expecting(column: str, check: str, most: int) -> dict[str, object]:
    kwargs = {"column": column, "max_value": most}
    return {"type": "expect_column_max_to_be_between", "kwargs": kwargs, "severity": "critical", "meta": {"check": check}}


def test_verdicts_and_crashes_are_told_apart() -> None:
    suite = [expecting("x", "kept", 5), expecting("x", "broken", 2), expecting("absent", "crashed", 0)]
    found = {o.check: o for o in validate(pd.DataFrame({"x": [1, 3]}), suite)}
    assert (found["kept"].success, found["kept"].error, found["kept"].found) == (True, None, 3)
    assert (found["broken"].success, found["broken"].error, found["broken"].found) == (False, None, 3)
    assert not found["crashed"].success
    assert "absent" in (found["crashed"].error or "")


def test_no_expectation_no_outcome() -> None:
    assert validate(pd.DataFrame({"x": [1]}), []) == []


def test_library_is_imported_by_gates_alone() -> None:
    code = (
        "import sys, assets.checks, assets.exports.catalog; "
        "print([m for m in ('great_expectations', 'pandas', 'sqlglot', 's3fs') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
