"""Where the views of citylake.duckdb look for the lake's files: by a place that is found when a question is asked.

What the views select belongs to `assets.exports.duckdb_file`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from assets.duck import literal
from schemas.lake import Lake

VARIABLE = "lake"
"""`SET VARIABLE lake = '/place/of/the/lake'` says where the lake is, whatever else is known."""


def lake_place(lake: Lake, file: Path) -> str:
    """SQL of the lake's place, with a slash at its end, as a constant that DuckDB works out whenever a view is asked.

    1. The variable `lake`, where it is set (DuckDB 1.1).
    2. Where the file lies in the lake's folder: that folder, wherever it is now. DuckDB tells no SQL where its file is, but its
       `temp_directory` is by default the file's own name with ".tmp"; it names nothing of the kind where the file was attached.
    3. Where it was when the file was written.
    """
    known = [f"getvariable({literal(VARIABLE)}) || '/'"]
    inside = _inside(lake, file)
    if inside:
        file_in_lake = r"^(.*[/\\])" + r"[/\\]".join(map(re.escape, inside)) + r"\.tmp$"
        known.append(f"nullif(regexp_extract(current_setting('temp_directory'), {literal(file_in_lake)}, 1), '')")
    return f"coalesce({', '.join(known)}, {literal(lake.root + '/')})"


def _inside(lake: Lake, file: Path) -> tuple[str, ...]:
    """The steps from the lake's folder to the file; none where it lies elsewhere, such as behind a link, which DuckDB follows."""
    if lake.options is not None:
        return ()
    try:
        return file.resolve().relative_to(Path(lake.root).resolve()).parts
    except ValueError:
        return ()


def listed(lake: Lake, uris: Sequence[str], place: str) -> str:
    """SQL of a list of files of the lake, below a place as `lake_place` tells it; the place is said once."""
    names = "\n".join(uri.removeprefix(f"{lake.root}/") for uri in uris)
    return f"string_split({place} || replace({literal(names)}, chr(10), chr(10) || {place}), chr(10))"
