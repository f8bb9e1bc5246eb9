"""Options that several commands share, and what they open. What the options ask for is done elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import SettingsError

if TYPE_CHECKING:
    from dagster_project.settings import Settings

OPERATE, LOOK, HOUSE = "Run the lake", "Look into the lake", "Keep house"
# land and run hand whatever they do not know to Beam
PASS_THROUGH: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="PATH", help="The city's settings; default $CITYLAKE_TOML or ./citylake.toml."),
]
LakeOption = Annotated[
    str | None, typer.Option("--lake", metavar="DIR|s3://", help="Use this lake instead of the one the settings name.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunnerOption = Annotated[
    str | None, typer.Option("--runner", metavar="RUNNER", help="Beam runner; default is this process. Other Beam options pass.")
]


def opened(config: Path | None, lake: str | None) -> "Settings":
    """The settings a command works with, checked."""
    from dagster_project.settings import load

    return load(config, lake)


def postgres(settings: "Settings", uri: str | None, schema: str | None) -> Any:
    """The PostgreSQL that --postgres and --schema name; None, where only the settings may name one."""
    from assets.exports.postgres_target import target

    if uri is None and schema is None:
        return None
    uri = uri or (settings.postgres.uri if settings.postgres else None)
    if uri is None:
        raise SettingsError("--schema", "no PostgreSQL is named", "name one with --postgres, or in [exports.postgres]")
    return target(uri, schema, settings.city.name, "--postgres")


def day(text: str | None, option: str) -> Any:
    """A day given as YYYY-MM-DD."""
    from datetime import date

    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(option, f"{text!r} is no day", "write one as 2026-06-01") from error
