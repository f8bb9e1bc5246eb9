"""Writes the board: finds the pages, renders them, and puts files into their folder, each whole or not at all.

What is on a page belongs to pages/.
"""

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

import assets.board.pages
from assets.board.page import Board, Page
from assets.board.render import render, script
from assets.board.span import span
from assets.exports.aside import aside, sweep
from assets.exports.catalog import CATALOG, DUCKDB
from schemas.city import City
from schemas.errors import LakeError
from schemas.lake import Lake

STATIC = Path(__file__).parent / "static"
FIRST, LAST = ("City",), ("Trust", "Dictionary")
"""Groups of the navigation that come before and after those of the domains."""


def write_board(
    lake: Lake, city: City, exports: Path, at: datetime | None = None, told: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Write exports/board from the exports as they are, and remove from it what no page makes any more.

    Args:
        exports: the folder with the DuckDB file and catalog.json.
        told: is called with the path of each page that is made.

    Returns:
        board (its folder), pages, files, bytes, and exported_at, the instant of the export it was made of.

    Raises LakeError where there are no exports or the folder cannot be written.
    """
    at = at or datetime.now(UTC)
    folder = exports / "board"
    with ThreadPoolExecutor(1) as aside_of:
        vega = aside_of.submit(_vega, folder)  # takes seconds the first time, and none of them ours
        with _opened(exports) as con:
            board = Board(con, _catalog(exports), city, lake, at)
            pages = []
            for page in found(board):
                told(page.path)
                pages.append(page)
            site = {"city": city.name, "zone": city.zone, "at": at, **span(con)}
        files = {f"static/{f.name}": f.read_bytes() for f in sorted(STATIC.iterdir()) if f.is_file()}
        files |= vega.result()
    files["data/site.js"] = script("citylake.site", site).encode()
    for page in pages:
        files[page.data_path] = script("citylake.data", page.data).encode()
    menu = navigation(pages)
    bundle = next(iter(vega.result()))
    for page in pages:
        files[page.path] = render("page.html", page=page, menu=menu, site=site, bundle=bundle).encode()
    put(folder, files)
    return {
        "board": str(folder),
        "pages": len(pages),
        "files": len(files),
        "bytes": sum(map(len, files.values())),
        "exported_at": board.catalog.get("generated_at"),
    }


def found(board: Board) -> Iterator[Page]:
    """Every page of every file in pages/, by the files' names.

    Raises LakeError where two pages share a path.
    """
    seen: dict[str, str] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules(assets.board.pages.__path__)):
        made: Callable[[Board], Iterator[Page]] = importlib.import_module(f"{assets.board.pages.__name__}.{module}").pages
        for page in made(board):
            if page.path in seen:
                raise LakeError(f"board page {page.path}", f"made by {seen[page.path]} and by {module}", "rename one of them")
            seen[page.path] = module
            yield page


def navigation(pages: list[Page]) -> list[tuple[str, list[Page]]]:
    """The listed pages by group; the index comes first of all, the others by title."""
    groups: dict[str, list[Page]] = {}
    for page in sorted(pages, key=lambda p: (p.path != "index.html", p.title.lower())):
        if not page.unlisted:
            groups.setdefault(page.group, []).append(page)
    place = {g: n for n, g in enumerate(FIRST)} | {g: n + 2 * len(groups) for n, g in enumerate(LAST)}
    return sorted(groups.items(), key=lambda g: (place.get(g[0], len(FIRST)), g[0]))


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make the folder hold these files and no others: data before the pages that load them, removals last."""
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    for name in sorted(files, key=lambda n: (n.endswith(".html"), n)):
        path = folder / name
        if path.is_symlink() or not path.is_file() or path.read_bytes() != files[name]:
            with aside(path) as half:
                half.write_bytes(files[name])
    wanted = {folder / name for name in files}
    for path in sorted(folder.rglob("*"), reverse=True):  # children before their folder
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in wanted:
            path.unlink(missing_ok=True)


def _opened(exports: Path) -> duckdb.DuckDBPyConnection:
    path = exports / DUCKDB
    if not path.is_file():
        raise LakeError(str(path), "there is no such file", "run citylake export first")
    try:
        con = duckdb.connect(str(path), read_only=True)
        con.execute("SET TimeZone = 'UTC'")
    except duckdb.Error as error:
        raise LakeError(str(path), " ".join(str(error).split())[:300], "run citylake export again") from error
    return con


def _catalog(exports: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((exports / CATALOG).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise LakeError(str(exports / CATALOG), str(error)[:200], "run citylake export again") from error


def _vega(folder: Path) -> dict[str, bytes]:
    """Vega, Vega-Lite and Vega-Embed as one script; taken from the last board where that has the same."""
    from importlib.metadata import version

    name = f"static/vega-{version('vl-convert-python')}.js"
    last = folder / name
    if last.is_file() and not last.is_symlink():
        return {name: last.read_bytes()}
    import vl_convert

    bundle: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub asks for a snippet, it does not
    return {name: bundle.encode()}
