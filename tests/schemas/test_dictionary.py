"""docs/dictionary.md says what the contracts say, and nothing of them is missing in it."""

from pathlib import Path

import pytest

from schemas import dictionary, ledger, registry
from schemas.contract import QUARANTINE
from schemas.errors import CitylakeError
from schemas.rejection import Code

FILE = Path(__file__).parents[2] / "docs" / "dictionary.md"


def test_the_dictionary_is_fresh() -> None:
    assert FILE.exists(), "docs/dictionary.md is missing: run `make docs`"
    assert FILE.read_text("utf-8") == dictionary.text(), "docs/dictionary.md is stale: run `make docs`"


def test_every_dataset_column_rule_and_source_is_in_it() -> None:
    text = dictionary.text()
    for layer in registry.FOLDERS:
        for name, contract in registry.contracts(layer).items():
            start = text.index(f"\n### {name}\n")
            section = text[start : text.index("\n#", start + 5)]
            missing = [c.name for c in contract.columns if f"| `{c.name}` | {c.kind} |" not in section]
            missing += [r.name for r in (*contract.row_rules, *contract.table_rules) if f"| {r.name} |" not in section]
            missing += [s for s in contract.sources if f"- {s}\n" not in section]
            missing += [c.name for c in contract.columns if c.formula and f"`{c.formula}`" not in section]
            assert not missing, f"{name}: {missing}"
            assert contract.doc in section


def test_quarantine_ledger_and_codes_are_in_it() -> None:
    text = dictionary.text()
    assert all(f"| `{c.name}` | {c.kind} |" in text for c in (*QUARANTINE, *ledger.COLUMNS))
    assert all(f"| `{code}` |" in text for code in Code)


def test_every_line_of_a_table_has_as_many_cells_as_its_head() -> None:
    width = 0
    for line in dictionary.text().splitlines():
        cells = line.replace("\\|", "").count("|")
        assert not width or not cells or cells == width, line
        width = cells


def test_a_stale_file_is_told_with_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dictionary.md"
    assert dictionary.main(["--check", str(file)]) == 1
    assert "run `make docs`" in capsys.readouterr().err
    assert dictionary.main([str(file)]) == 0
    assert dictionary.main(["--check", str(file)]) == 0
    file.write_text(file.read_text("utf-8") + "edited by hand\n", "utf-8")
    with pytest.raises(CitylakeError, match="make docs"):
        dictionary.check(file)
