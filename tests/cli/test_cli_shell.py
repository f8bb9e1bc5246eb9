"""`citylake shell`: DuckDB's own command line and the Python prompt, from a pipe and at a real terminal."""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dagster_project.cli import shell
from tests.cli.small_city import GOOD

ROOT = Path(__file__).parents[2]
CODE = "from dagster_project.cli import main; main()"
COUNT = "SELECT count(*) AS n FROM refined.traffic_flow"


def piped(text: str, *words: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """`citylake shell` with this on its stdin, and its temporary files in a folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    command = [sys.executable, "-c", CODE, "shell", *map(str, words)]
    return subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=False)


def test_sql_from_a_pipe(toml: Path, tmp_path: Path) -> None:
    text = f"{COUNT};\nSELECT current_setting('TimeZone') AS zone;\nCREATE TABLE mine AS FROM quality.balance;\n"
    done = piped(text, "-c", toml, "--", "-csv", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:4] == ["n", str(GOOD), "zone", "UTC"]
    wrong = piped("FROM metrics.nonsense;\nSELECT 1;\n", "-c", toml, folder=tmp_path)
    assert wrong.returncode == 1
    assert "nonsense does not exist" in wrong.stderr
    assert not list(tmp_path.glob("citylake-shell-*")), "what was made for the shell is gone"
    lake = toml.parent / "a lake"
    assert not list(lake.rglob("*.duckdb.wal"))


def test_python_from_a_pipe(toml: Path, tmp_path: Path) -> None:
    text = f'sql("{COUNT}")\nprint(con.sql("{COUNT}").pl()["n"].sum(), city.name, type(lake).__name__, pl.__name__)\n'
    text += 'sql("FROM raw.trafic_flow")\n'
    done = piped(text, "--python", "-c", toml, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{GOOD} Smallville Lake polars" in done.stdout
    assert done.stdout.split()[0] == "n"
    assert "error: query: there is no table raw.trafic_flow; perhaps raw.traffic_flow" in done.stderr
    assert piped("1 / 0", "--python", "-c", toml, folder=tmp_path).returncode == 1


def test_without_the_program_it_says_what_to_install(cli: Any, toml: Path, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(shell.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    done = cli("shell", "-c", toml)
    assert done.code == 1
    assert "error: shell: there is no program duckdb; `pip install duckdb-cli`, or use `citylake shell --python`." in done.err


def test_a_lake_on_s3_is_for_the_python_prompt(cli: Any, toml: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(shell, "_program", lambda: "duckdb")
    done = cli("shell", "-c", toml, "--lake", "s3://bucket/lake")
    assert done.code == 1
    assert "use `citylake shell --python`" in done.err


def _talk(words: Sequence[object], turns: Sequence[tuple[str, str]], home: Path) -> tuple[str, int]:
    """Type at a terminal of 100 columns: each text when what is waited for has come. What was shown, and the exit code."""
    import fcntl
    import pty
    import struct
    import termios

    screen, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    own = {"PYTHONPATH": str(ROOT), "HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "TERM": "xterm-256color"}
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")} | own
    command = [sys.executable, "-c", CODE, *map(str, words)]
    running = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment, start_new_session=True)
    os.close(inner)
    shown, seen, left, end = "", 0, list(turns), time.monotonic() + 150
    try:
        while time.monotonic() < end:
            if left and left[0][0] in shown[seen:]:
                time.sleep(0.5)  # the prompt is drawn after the answer
                seen = len(shown)
                os.write(screen, left.pop(0)[1].encode())
            if select.select([screen], [], [], 0.2)[0]:
                try:
                    shown += os.read(screen, 65536).decode(errors="replace")
                except OSError:  # the other end is closed
                    break
        return shown, running.wait(timeout=max(end - time.monotonic(), 1))
    finally:
        if running.poll() is None:
            os.killpg(running.pid, 9)
            running.wait()
        os.close(screen)


@pytest.mark.slow
def test_duckdb_at_a_terminal(toml: Path, tmp_path: Path) -> None:
    words = ("shell", "-c", toml, "--", "-dark-mode")
    turns = [("citylake> ", f"{COUNT};\r"), ("┘", "\x04")]
    shown, code = _talk(words, turns, tmp_path)
    assert code == 0, shown
    assert re.search(rf"│ +{GOOD} │", re.sub(r"\x1b\[[0-9;]*\w", "", shown))
    assert "Smallville; instants in UTC. Schemas: ledger (1), metrics (" in shown
    assert "Try: FROM metrics." in shown


@pytest.mark.slow
def test_python_at_a_terminal(toml: Path, tmp_path: Path) -> None:
    turns = [(">>> ", f'sql("{COUNT}")\r'), ("1 row", "1 / 0\r"), ("ZeroDivisionError", "lake.root\r"), ("a lake'", "\x04")]
    shown, code = _talk(("shell", "--python", "-c", toml), turns, tmp_path)
    assert code == 0, shown
    assert 'Try: sql("FROM metrics.' in shown
    history = (tmp_path / "state" / "citylake" / "python_history").read_text("utf-8")
    assert "lake.root" in history
