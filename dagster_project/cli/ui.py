"""`citylake ui`: the Dagster UI on this machine, with its own home beside citylake.toml and telemetry off.

What the UI shows is in `dagster_project.definitions`.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli import options
from dagster_project.cli.options import ConfigOption

HOME = ".dagster"
DAGSTER_YAML = """# Nothing leaves this machine, and no sign-up stands before the first page.
telemetry:
  enabled: false
nux:
  enabled: false
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.LOOK)(ui)


def ui(
    port: Annotated[int, typer.Option("--port", "-p", metavar="PORT", min=1, max=65535, help="Port on 127.0.0.1.")] = 3000,
    config: ConfigOption = None,
) -> None:
    """Open the Dagster UI: the asset graph, checks, partitions and schedules. Ctrl-C ends it."""
    from dagster_project.cli.terminal import say

    settings = options.opened(config, None)
    words, environment = command(settings.path, port)
    say(f"Dagster for {settings.city.name}: [bold]http://127.0.0.1:{port}[/] (ready in about 20 s, Ctrl-C ends it)")
    sys.stderr.flush()
    os.execve(words[0], words, environment)  # noqa: S606


def command(settings: Path, port: int) -> tuple[list[str], dict[str, str]]:
    """The process that serves the UI, and its environment. Writes Dagster's home where there is none."""
    home = settings.parent / HOME
    home.mkdir(exist_ok=True)
    if not (home / "dagster.yaml").exists():
        (home / "dagster.yaml").write_text(DAGSTER_YAML, encoding="utf-8")
    workspace = Path(__file__).parents[2] / "workspace.yaml"
    what = ["-w", str(workspace)] if workspace.is_file() else ["-m", "dagster_project.definitions"]
    words = [sys.executable, "-m", "dagster", "dev", *what, "-h", "127.0.0.1", "-p", str(port)]
    return words, {**os.environ, "DAGSTER_HOME": str(home), "CITYLAKE_TOML": str(settings), "DAGSTER_DISABLE_TELEMETRY": "yes"}
