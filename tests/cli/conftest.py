"""Runs `citylake` in this process and gives its exit code and what it printed."""

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dagster_project.cli import main
from tests.cli.small_city import city


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed with --json."""
        return json.loads(self.out)


def citylake(*words: object) -> Ran:
    """Run one command."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(w) for w in words])
        except SystemExit as exit_:
            code = exit_.code
    return Ran(code or 0, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def cli() -> Callable[..., Ran]:
    """`citylake` as a function."""
    return citylake


@pytest.fixture(scope="session")
def ran(cli: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The settings of a small city, and what `citylake run --json` said of it. Tests leave it as it is."""
    toml = city(tmp_path_factory.mktemp("city"))
    return toml, cli("run", "-c", toml, "--json")


@pytest.fixture(scope="session")
def toml(ran: Any) -> Path:
    """The settings of the city that was run."""
    return ran[0]


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine reach a test, and a screen is wide."""
    monkeypatch.delenv("CITYLAKE_TOML", raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
