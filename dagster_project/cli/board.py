"""`citylake board`: the city as static pages, made from the exports. What is on them is in `assets.board`."""

from pathlib import Path
from typing import Annotated

import typer

from dagster_project.cli import options
from dagster_project.cli.options import ConfigOption, JsonOption, LakeOption


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel=options.OPERATE)(board)


def board(
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where the exports are; default is exports/ in the lake.")
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Serve it on 127.0.0.1 until Ctrl-C.")] = False,
    port: Annotated[
        int, typer.Option("--port", "-p", metavar="PORT", min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 8050,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    config: ConfigOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the board, exports/board/index.html and its pages, from the last export; without one, export first."""
    from assets.board.site import write_board
    from assets.exports.catalog import DUCKDB
    from dagster_project import way
    from dagster_project.board_server import HOST, INDEX, bound
    from dagster_project.board_server import serve as serve_until_stopped
    from dagster_project.cli.terminal import Bars, console, near, print_json, say, size

    settings = options.opened(config, lake)
    exports = (folder or settings.lake.exports()).absolute()
    on = bound(port) if serve else None
    bars = Bars()
    if not (exports / DUCKDB).is_file():
        say("There is no export yet: exporting first.")
        way.export(settings, exports, bars)
    with bars.task("Drawing the board", 0):
        made = write_board(settings.lake, settings.city, exports)
    index = Path(made["board"]) / "index.html"
    address = f"http://{HOST}:{on.getsockname()[1]}{INDEX}" if on else index.as_uri()
    if as_json:
        print_json({**made, "index": str(index), "address": address, "seconds": round(sum(bars.seconds.values()), 2)})
    else:
        text = f"Wrote {made['pages']} pages ({size(made['bytes'])}) to {near(index)}, of the export of {made['exported_at']}"
        console().print(text, markup=False, soft_wrap=True)
    if show:
        typer.launch(address)
    if on:
        say(f"{settings.city.name}: {address} (Ctrl-C ends it)")
        serve_until_stopped(exports, on)
