"""Reads citylake.toml: which city, where its lake is, which feeds come from where. Checked before any work.

A source block itself is checked by pipelines.sources.block. Secrets come from the environment, never from here.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from assets.exports.postgres_target import Target, target
from dagster_project.live.alert_settings import AlertSettings, alert_settings
from dagster_project.live.stream_settings import StreamSettings, stream_settings
from schemas.city import City
from schemas.errors import SettingsError
from schemas.lake import Lake
from schemas.storage import is_remote

VARIABLE = "CITYLAKE_TOML"
SECTIONS = ("city", "lake", "reference", "feeds", "limits", "beam", "stream", "alerts", "exports")


@dataclass(frozen=True)
class Settings:
    """A checked citylake.toml.

    Attributes:
        sources: feed name -> its sources.
        references: reference table -> the source it is read from.
        beam_options: passed to Beam untouched; empty runs in this process.
        postgres: where metrics are exported to besides files; nowhere, where another lake than the toml's is opened.
    """

    path: Path
    city: City
    lake: Lake
    sources: dict[str, tuple[Any, ...]]
    references: dict[str, Any]
    limits: Any
    beam_options: tuple[str, ...] = ()
    stream: StreamSettings = field(default_factory=StreamSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    postgres: Target | None = None

    def files_of(self, feed: str) -> tuple[Any, ...]:
        """The sources of a feed that are files: what `citylake land` lands."""
        return tuple(s for s in self.sources.get(feed, ()) if s.live is None)

    def live_of(self, feed: str) -> tuple[Any, ...]:
        """The sources of a feed that are brokers and endpoints: what `citylake stream` lands."""
        return tuple(s for s in self.sources.get(feed, ()) if s.live is not None)


def locate(path: Path | None = None) -> Path:
    """The toml asked for: the argument, $CITYLAKE_TOML, or ./citylake.toml."""
    found = path or Path(os.environ.get(VARIABLE, "citylake.toml"))
    if not found.is_file():
        raise SettingsError(str(found), "there is no such file", "name one with --config, or start with `citylake demo`")
    return found.absolute()


def load(path: Path | None = None, lake: str | None = None) -> Settings:
    """Read and check settings.

    Args:
        lake: another lake root than the toml's.

    Raises:
        SettingsError: where in the toml, what was found and what to do.
    """
    # the sources' grammar needs Polars; `citylake --help` does not come here
    from pipelines.sources.declared import of_reference, parse
    from schemas.registry import feed, references

    path = locate(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), f"it is no TOML: {error}", "correct that line") from error
    _known(str(path), values, SECTIONS)
    base = path.parent
    named = {n: _table(f"[feeds.{n}]", t) for n, t in _table("[feeds]", values.get("feeds", {})).items()}
    sources = {}
    for name, table in named.items():
        _known(f"[feeds.{name}]", table, ("sources",))
        blocks = _table(f"[feeds.{name}.sources]", table.get("sources", {}))
        contract = feed(name)
        sources[name] = tuple(parse(contract, n, _table(f"[feeds.{name}.sources.{n}]", b), base) for n, b in blocks.items())
    city = _city(_table("[city]", values.get("city", {})))
    postgres = _postgres(_table("[exports]", values.get("exports", {})), city)
    wanted = _table("[reference]", values.get("reference", {}))
    _known("[reference]", wanted, tuple(references()))
    return Settings(
        path=path,
        city=city,
        lake=Lake(_rooted(lake, Path.cwd()) if lake else _lake_root(values, base)),
        sources=sources,
        references={n: of_reference(references()[n], _text_or_table(f"[reference] {n}", v), base) for n, v in wanted.items()},
        limits=_limits(_table("[limits]", values.get("limits", {}))),
        beam_options=tuple(_text("[beam] options", o) for o in _table("[beam]", values.get("beam", {})).get("options", [])),
        stream=stream_settings(_table("[stream]", values.get("stream", {}))),
        alerts=alert_settings(_table("[alerts]", values.get("alerts", {})), base),
        postgres=None if lake else postgres,
    )


def _postgres(values: Mapping[str, Any], city: City) -> Target | None:
    _known("[exports]", values, ("postgres",))
    if "postgres" not in values:
        return None
    where = "[exports.postgres]"
    table = _table(where, values["postgres"])
    _known(where, table, ("uri", "schema"))
    schema = _text(f"{where} schema", table["schema"]) if "schema" in table else None
    return target(_text(f"{where} uri", table.get("uri")), schema, city.name, where)


def _city(values: Mapping[str, Any]) -> City:
    _known("[city]", values, ("name", "time_zone", "h3_resolution"))
    for key in ("name", "time_zone"):
        if not isinstance(values.get(key), str):
            raise SettingsError(f"[city] {key}", f"{values.get(key)!r} is no text", f'write {key} = "..."')
    resolution = values.get("h3_resolution", 9)
    if not isinstance(resolution, int) or isinstance(resolution, bool):
        raise SettingsError("[city] h3_resolution", f"{resolution!r} is no whole number", "use 9 if unsure")
    return City(values["name"], values["time_zone"], resolution)


def _lake_root(values: Mapping[str, Any], base: Path) -> str:
    table = _table("[lake]", values.get("lake", {}))
    _known("[lake]", table, ("root",))
    return _rooted(_text("[lake] root", table.get("root", "lake")), base)


def _limits(values: Mapping[str, Any]) -> Any:
    from pipelines.sources.files import Limits

    _known("[limits]", values, tuple(f.name for f in fields(Limits)))
    for key, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise SettingsError(f"[limits] {key}", f"{value!r} is no positive whole number", "write bytes, or a ratio")
    return Limits(**values)


def _text_or_table(where: str, value: Any) -> Any:
    return value if isinstance(value, dict) else _text(where, value)


def _rooted(uri: str, base: Path) -> str:
    return uri if is_remote(uri) else str((base / uri).absolute())


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise SettingsError(where, f"{value!r} is no text", "write a text in quotes")
    return value


def _table(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(where, f"{value!r} is no table", f"write {where} as a table")
    return value


def _known(where: str, values: Mapping[str, Any], known: tuple[str, ...]) -> None:
    left = sorted(set(values) - set(known))
    if left:
        raise SettingsError(f"{where} {left[0]}", "there is no such setting", f"use one of {', '.join(known)}")
