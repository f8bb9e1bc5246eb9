"""How the answers of several days become one check result: passed, warned, failed or crashed."""

from datetime import date

import dagster as dg
import pytest

from assets.checks import GateResult
from dagster_project.gates import gate_result, table

DAY = date(2025, 3, 30)


def answer(severity: str | None = None, error: str | None = None) -> GateResult:
    fault = {"check": "rows", "severity": severity, "expected": "1", "found": 0, "error": error}
    failed = [] if severity is None else [fault]
    return GateResult("refined", "x", DAY, not failed, severity, error is not None, failed, 7, [{"check": "rows", "v": 1}], 0.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answers", "state", "passed", "severity"),
    [
        ([answer()], "passed", True, "WARN"),
        ([answer(), answer("warning")], "warned", False, "WARN"),
        ([answer("warning"), answer("critical")], "failed", False, "ERROR"),
        ([answer("critical"), answer("critical", "Binder Error")], "crashed", False, "ERROR"),
    ],
)
def test_the_worst_day_decides(answers: list[GateResult], state: str, passed: bool, severity: str) -> None:
    result = gate_result(answers, [DAY])
    assert (result.metadata["state"].value, result.passed) == (state, passed)
    assert result.severity == dg.AssetCheckSeverity[severity]
    assert result.metadata["crashed"].value is (state == "crashed")
    assert result.metadata["rows"].value == 7 * len(answers)
    assert result.metadata["seconds"].value == 0.5 * len(answers)
    assert ("critical" in result.metadata["failing"].value) == (state in ("failed", "crashed"))


def test_a_day_warned_of_before_warns_still() -> None:
    result = gate_result([answer()], [DAY], warned=[DAY])
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_a_table_keeps_its_shape_whatever_is_in_its_cells() -> None:
    text = table([{"a": "x|y\nz", "b": None}, {"a": 1.5, "c": date(2025, 1, 2)}])
    lines = text.splitlines()
    assert lines[0] == "| a | b | c |"
    assert lines[2] == "| x\\|y z |  |  |"
    assert lines[3] == '| 1.5 |  | "2025-01-02" |'
    assert table([{"a": n} for n in range(25)]).endswith("and 5 more")
