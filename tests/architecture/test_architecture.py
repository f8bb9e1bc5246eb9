"""The house rules that a machine can hold: layers, small rooms, first lines, one name, no place of this machine."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from schemas import registry

ROOT = Path(__file__).parents[2]
CODE = ("schemas", "pipelines", "assets", "dagster_project", "benchmarks", "tests")
PRODUCT = CODE[:5]
ENGINE = ("assets", "pipelines", "dagster_project")
SIMULATOR = ROOT / "pipelines" / "simulator"
"""The simulator plays the city: each of its files knows one feed."""


@cache
def files(*folders: str, suffix: str = ".py") -> list[Path]:
    """Files of our own code, as paths."""
    return sorted(f for folder in folders for f in (ROOT / folder).rglob(f"*{suffix}"))


@cache
def tracked() -> list[Path]:
    """Text files under version control or about to be; all files of a copy without git."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    names = (
        listed.stdout.splitlines()
        if listed.returncode == 0
        else [str(f.relative_to(ROOT)) for f in files(*CODE, "docs", suffix="")]
    )
    binary = (".gz", ".zip", ".parquet", ".png", ".duckdb", ".jpg", ".xlsx")
    return [ROOT / n for n in names if not n.endswith(binary) and (ROOT / n).is_file()]


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_code_to_judge() -> None:
    assert len(files(*PRODUCT)) > 30
    assert ROOT / "Makefile" in tracked()


def test_no_code_is_ignored_by_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("a copy without git")
    command = ["git", "-C", str(ROOT), "ls-files", "--others", "--ignored", "--exclude-standard", "--", *CODE]
    ignored = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert not [f for f in ignored if f.endswith((".py", ".sql", ".toml", ".csv")) and "__pycache__" not in f]


def test_the_layers_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_great_expectations_is_imported_in_one_file() -> None:
    found = [named(f) for f in files(*PRODUCT) if re.search(r"^\s*(import|from) great_expectations", f.read_text("utf-8"), re.M)]
    assert found in ([], ["assets/expectations.py"])


def test_no_file_is_longer_than_300_lines() -> None:
    sizes = {named(f): len(f.read_text("utf-8").splitlines()) for f in files(*CODE)}
    assert not {f: n for f, n in sizes.items() if n > 300}, "split them"


def test_every_module_says_what_it_is_for() -> None:
    silent = []
    for file in files(*CODE):
        text = file.read_text("utf-8")
        first = (ast.get_docstring(ast.parse(text), clean=False) or "").split("\n", 1)[0]
        if not first.strip() and text.strip():
            silent.append(named(file))
    assert not silent, "line 1 of the docstring says what the module is for"


def test_no_room_is_called_utils() -> None:
    vague = re.compile(r"(^|_)(utils?|helpers?|common|misc)(_|$)")
    assert not [named(f) for f in files(*CODE) if any(vague.search(Path(p).stem) for p in f.relative_to(ROOT).parts)]


def strings_and_names(file: Path) -> set[str]:
    """Every name and every string of a module that is not a docstring, cut into words."""
    tree = ast.parse(file.read_text("utf-8"))
    prose = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    words: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            words |= set(re.findall(r"\w+", node.value))
        elif isinstance(node, ast.Name):
            words.add(node.id)
        elif isinstance(node, ast.Attribute):
            words.add(node.attr)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            words |= {part for alias in node.names for part in alias.name.split(".")}
            words |= set((getattr(node, "module", None) or "").split("."))
    return words


def engine() -> list[Path]:
    return [f for f in files(*ENGINE) if SIMULATOR not in f.parents]


@pytest.mark.parametrize("file", engine(), ids=named)
def test_no_dataset_is_named_in_engine_code(file: Path) -> None:
    """A new feed is one file and a new metric is two: engines take names from the registry."""
    datasets = {*registry.feeds(), *registry.metrics()}
    assert not datasets & strings_and_names(file)


def test_the_kernel_names_no_dataset_either() -> None:
    """measure.py says the columns that metrics share, in words for analysts: it is a contract in pieces, not kernel."""
    datasets = {*registry.feeds(), *registry.metrics()}
    kernel = [f for f in (ROOT / "schemas").glob("*.py") if f.name != "measure.py"]
    assert not {named(f): found for f in kernel if (found := datasets & strings_and_names(f))}


def test_every_metric_has_its_sql_and_every_sql_its_metric() -> None:
    assert {f.stem for f in files("assets/metrics", suffix=".sql")} == set(registry.metrics())


# spelled in pieces, so that this file does not find itself
PLACES = ("/" + "work/", "/" + "root/", "/" + "home/")
ADDRESSES = re.compile(r"--(extra-)?index-url[ =]http|--find-links[ =]\S|pypi\.org|pythonhosted" + r"\.org")


def test_no_place_of_a_machine_and_no_registry_address_is_written_down() -> None:
    found = []
    for file in tracked():
        for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
            if any(re.search(rf"(^|[^\w.}}]){place}", line) for place in PLACES) or ADDRESSES.search(line):
                found.append(f"{named(file)}:{number}: {line.strip()[:100]}")
    assert not [f for f in found if "test_architecture.py" not in f]


def test_every_requirement_is_pinned_with_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(lines) > 100
    assert not [line[:60] for line in lines if not re.match(r"^[\w.-]+(\[[\w,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", line)]


def test_every_package_of_the_code_is_installed_with_it() -> None:
    """pyproject.toml lists packages one by one: their names are too generic to be searched for."""
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"])
    present = {".".join(f.parent.relative_to(ROOT).parts) for f in files("schemas", *ENGINE) if f.name == "__init__.py"}
    assert declared == present
