"""The board served on this machine: files, to this machine alone, and nothing beside them; and the command that does it."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from dagster_project.board_server import HOST, application, bound
from schemas.errors import SettingsError
from schemas.lake import Lake
from tests.board.conftest import TOWN
from tests.board.test_metric_pages import opened

SECRET = "not of the board"


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Exports with a board, a hidden file and a link to a file outside, served on a free port."""
    exports = tmp_path / "exports"
    (exports / "board").mkdir(parents=True)
    (exports / "board" / "index.html").write_text("the board", encoding="utf-8")
    (exports / ".citylake.duckdb.1.half").write_text(SECRET, encoding="utf-8")
    (tmp_path / "secret.txt").write_text(SECRET, encoding="utf-8")
    (exports / "link.txt").symlink_to(tmp_path / "secret.txt")
    on = bound(0)
    server = uvicorn.Server(uvicorn.Config(application(exports), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [on]}, daemon=True)
    thread.start()
    yield on.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    on.close()


def asked(port: int, path: str, method: str = "GET", host: str | None = None) -> tuple[int, str]:
    """Status and body; the path is sent as it is."""
    connection = HTTPConnection(HOST, port, timeout=10)
    connection.putrequest(method, path, skip_host=host is not None)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_it_serves_the_board(port: int) -> None:
    assert asked(port, "/board/index.html") == (200, "the board")
    assert asked(port, "/")[0] == 307


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/board/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/board/..%5c..%5csecret.txt",
        "//secret.txt",
        "/link.txt",
        "/.citylake.duckdb.1.half",
        "/board/%00",
        "/board",
        "/nothing",
    ],
)
def test_it_serves_nothing_else(port: int, path: str) -> None:
    status, body = asked(port, path)
    assert status in (400, 404)
    assert SECRET not in body


def test_it_only_reads_and_answers_to_its_own_name(port: int) -> None:
    assert asked(port, "/board/index.html", "POST")[0] == 405
    assert asked(port, "/board/index.html", "DELETE")[0] == 405
    assert asked(port, "/board/index.html", host="evil.example")[0] == 400


def test_a_taken_port_is_told() -> None:
    on = bound(0)
    with pytest.raises(SettingsError, match="--port"):
        bound(on.getsockname()[1])
    on.close()


@pytest.mark.slow
def test_the_command_writes_and_serves_a_board(town: Lake, board: Path, page: Any, tmp_path: Path) -> None:
    settings = tmp_path / "citylake.toml"
    text = f'[city]\nname = {json.dumps(TOWN.name)}\ntime_zone = "{TOWN.zone}"\n[lake]\nroot = {json.dumps(str(town.root))}\n'
    settings.write_text(text, encoding="utf-8")
    words = [sys.executable, "-c", "from dagster_project.cli import main; main()", "board", "--config", str(settings)]
    with subprocess.Popen(
        [*words, "--serve", "--port", "0"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as run:
        try:
            assert run.stderr is not None
            address = next(m for line in run.stderr if (m := re.search(r"http://127\.0\.0\.1:\d+/board/index\.html", line)))
            page.goto(address[0])
            assert page.locator("main h1").count() == 1
            page.locator('main a[href^="metrics/traffic_hourly.html"]').first.click()
            page.wait_for_selector("#cards .card")
        finally:
            run.terminate()
    opened(page, board, "index.html")
