"""The dictionary's pages say what contracts, SQL and cases say, and nothing of them is missing."""

import re
import shutil
from functools import cache
from pathlib import Path

import pytest

from assets.dictionary import __main__ as writer
from assets.dictionary import shared
from assets.dictionary.entry import Entry, entries, packaged_limits
from schemas import ledger, registry
from schemas.contract import QUARANTINE
from schemas.errors import CitylakeError
from schemas.rejection import Code

DOCS = Path(__file__).parents[2] / "docs"
ENTRIES = {e.page: e for e in entries()}


@cache
def pages() -> dict[str, str]:
    return shared.pages()


def page(entry: Entry) -> str:
    return pages()[f"dictionary/{entry.page}.md"]


def test_the_dictionary_is_fresh() -> None:
    writer.check(DOCS)


def test_every_contract_has_its_page() -> None:
    wanted = {f"feeds/{n}" for n in registry.feeds()} | {f"reference/{n}" for n in registry.references()}
    wanted |= {f"metrics/{n}" for n in registry.metrics() | registry.kernel()}
    assert set(ENTRIES) == wanted
    assert all(f"]({shared.FOLDER}/{name}.md)" in pages()["dictionary.md"] for name in wanted)


@pytest.mark.parametrize("name", ENTRIES)
def test_nothing_of_a_dataset_is_left_out(name: str) -> None:
    entry, text = ENTRIES[name], page(ENTRIES[name])
    contract = entry.contract
    flat = " ".join(text.split()).replace("\\|", "|")
    rows = {line.split(" | ")[0].removeprefix("| ").strip("`"): line for line in text.splitlines() if line.startswith("| ")}
    assert f"# {contract.name}\n" in text
    assert " ".join(contract.doc.split()) in flat
    for column in contract.columns:
        line = next(line for line in text.splitlines() if line.startswith(f"| `{column.name}` | {column.kind} |"))
        assert " ".join(column.doc.split()) in line.replace("\\|", "|")
        assert column.unit is None or f"| {column.unit} |" in line
        assert column.formula is None or f"`{column.formula}`" in line.replace("\\|", "|")
        assert contract.layer != "feed" or f"| {column.treatment} |" in line
        assert all(f"`{value}`" in line for value in column.allowed or ())
    for rule in (*contract.row_rules, *contract.table_rules):
        assert rule.doc in rows[rule.name].replace("\\|", "|")
    for verdict, condition in contract.health.tests if contract.health else ():
        assert f"| {verdict} | `{' '.join(condition.split())}` |" in flat
    for source in contract.sources:
        assert f"- {source}\n" in text
    for limit in entry.thresholds:
        said = packaged_limits()[limit]
        assert [said["value"], said["unit"], said["source"], said["edition"]] == [
            c.replace("\\|", "|") for c in rows[limit].removesuffix(" |").split(" | ")[1:]
        ]
    for table in (*entry.reads, *(f"metrics.{m}" for m in entry.read_by)):
        assert f"[`{table}`](" in text
    for heading in ("Columns", "Lineage", "Quality", "Freshness", "What is told outside", "Example"):
        assert f"\n## {heading}\n" in text


def test_quarantine_ledger_codes_and_every_threshold_are_told() -> None:
    lake, limits = pages()["dictionary/lake.md"], pages()["dictionary/thresholds.md"]
    assert all(f"| `{c.name}` | {c.kind} |" in lake for c in (*QUARANTINE, *ledger.COLUMNS))
    assert all(f"| `{code}` |" in lake for code in Code)
    assert all(f"| `{name}` | {said['value']} |" in limits for name, said in packaged_limits().items())


def test_every_link_leads_to_a_page() -> None:
    for name, text in pages().items():
        for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", text):
            there = (Path("/d") / name).parent / target
            found = there.resolve().relative_to("/d").as_posix()
            assert found in pages(), f"{name} -> {target}"


def test_every_line_of_a_table_has_as_many_cells_as_its_head() -> None:
    for name, text in pages().items():
        width = 0
        for line in text.splitlines():
            cells = line.replace("\\|", "").count("|") if line.startswith("|") else 0
            assert not width or not cells or cells == width, f"{name}: {line}"
            width = cells


def test_a_stale_a_missing_and_a_left_over_page_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert writer.main(["--check", str(tmp_path)]) == 1
    assert "run `make docs`" in capsys.readouterr().err
    assert writer.main([str(tmp_path)]) == 0
    assert writer.main(["--check", str(tmp_path)]) == 0
    old = tmp_path / "dictionary" / "metrics" / "no_more.md"
    old.write_text("left over", "utf-8")
    with pytest.raises(CitylakeError, match="no contract"):
        writer.check(tmp_path)
    writer.write(tmp_path)
    assert not old.exists()
    index = tmp_path / "dictionary.md"
    index.write_text(index.read_text("utf-8") + "edited by hand\n", "utf-8")
    with pytest.raises(CitylakeError, match="make docs"):
        writer.check(tmp_path)
    shutil.rmtree(tmp_path / "dictionary")
    assert writer.main(["--check", str(tmp_path)]) == 1


@pytest.mark.parametrize("option", ["--help", "--chek"])
def test_an_option_is_no_folder(option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        writer.main([option])
    assert list(tmp_path.iterdir()) == []
