"""What a shell completes, through the protocol of an installed shell and in a real bash; and that nothing heavy is imported."""

import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from schemas import registry
from schemas.tables import every

CODE = "import sys; from dagster_project.cli import main; {before}main()"


def complete(*words: str, cwd: Path, before: str = "") -> list[str]:
    """What `citylake <words>` is completed to in a bash."""
    environment = os.environ | {
        "COMP_WORDS": "\n".join(["citylake", *words]), "COMP_CWORD": str(len(words)), "_CITYLAKE_COMPLETE": "complete_bash",
    }  # fmt: skip
    code = CODE.format(before=before)
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | {"PYTHONPATH": root}, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert not done.stderr, done.stderr
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def test_tables_feeds_and_the_last_word_of_a_question(tmp_path: Path) -> None:
    hours = [t for t in every() if t.startswith("metrics.traffic_")]
    assert complete("describe", "metrics.traffic_", cwd=tmp_path) == sorted(hours)
    assert complete("quarantine", "cra", cwd=tmp_path) == ["crashes"]
    asked = complete("query", '"SELECT 1 FROM raw.traffic_', cwd=tmp_path)
    assert asked == ["SELECT 1 FROM raw.traffic_flow"]
    assert complete("query", '"select * fro', cwd=tmp_path) == ["select * from"]


def test_what_the_lake_holds_is_completed_too(tmp_path: Path) -> None:
    (tmp_path / "my lake" / "published" / "x_daily" / "_delta_log").mkdir(parents=True)
    (tmp_path / "c.toml").write_text('[lake]\nroot = "my lake"\n', encoding="utf-8")
    assert complete("describe", "-c", "c.toml", "published.", cwd=tmp_path) == ["published.x_daily"]
    (tmp_path / "c.toml").write_text("no toml", encoding="utf-8")
    assert complete("describe", "-c", "c.toml", "published.", cwd=tmp_path) == []


def test_every_table_of_a_contract_is_completed_without_reading_contracts() -> None:
    from dagster_project.cli import completion

    names = set(completion.table_names(None, ""))
    assert {t for t in every() if not t.startswith("published.")} - names == {f"metrics.{n}" for n in registry.kernel()}
    assert completion.feed_names("") == list(registry.feeds())


def test_a_key_press_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("polars", "pyarrow", "duckdb", "deltalake", "apache_beam", "dagster", "schemas.registry")
    told = f"import atexit; atexit.register(lambda: print([m for m in {heavy} if m in sys.modules])); "
    assert complete("describe", "metrics.energy_d", cwd=tmp_path, before=told) == ["metrics.energy_daily", "[]"]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.skipif(not Path(sys.executable).with_name("citylake").exists(), reason="citylake is not installed")
def test_a_real_bash_completes(tmp_path: Path) -> None:
    import pty

    screen, inner = pty.openpty()
    own = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PS1": "$ ", "TERM": "dumb"}
    bash = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"], stdin=inner, stdout=inner, stderr=inner, env=os.environ | own, cwd=tmp_path,
        start_new_session=True,
    )  # fmt: skip
    os.close(inner)
    try:
        _complete_in(screen)
    finally:
        bash.kill()
        bash.wait()
        os.close(screen)


def _complete_in(screen: int) -> None:
    os.write(screen, b'eval "$(citylake --show-completion bash)"; echo rea""dy\n')
    _until(screen, "ready")
    os.write(screen, b"citylake describe metrics.traffic_hou\t")
    assert "metrics.traffic_hourly " in _until(screen, "metrics.traffic_hourly ")
    os.write(screen, b'\x15citylake query "FROM metrics.traffic_hou\t')
    _until(screen, '"FROM metrics.traffic_hourly"')


def _until(screen: int, text: str, seconds: float = 60) -> str:
    """What the terminal shows until a text is there."""
    shown, end = "", time.monotonic() + seconds
    while text not in shown:
        ready, _, _ = select.select([screen], [], [], max(end - time.monotonic(), 0))
        assert ready, f"{text!r} is not in {shown!r}"
        shown += os.read(screen, 4096).decode(errors="replace")
    return shown
