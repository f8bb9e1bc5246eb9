"""Writes the dictionary into a folder: `python -m assets.dictionary docs`, or with `--check` tells whether it is fresh.

What is on the pages does not belong here.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from assets.dictionary.shared import FOLDER, pages
from schemas.errors import CitylakeError


def write(folder: Path) -> None:
    """Write every page, and remove those of datasets that are no more."""
    wanted = pages()
    for name, text in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in _found(folder):
        if str(path.relative_to(folder)) not in wanted:
            path.unlink()


def check(folder: Path) -> None:
    """Raise CitylakeError where a page is not what the contracts say, or should not be there."""
    wanted = pages()
    for name, text in wanted.items():
        path = folder / name
        if not path.is_file() or path.read_text("utf-8") != text:
            raise CitylakeError(str(path), "it is not what the contracts say", "run `make docs`")
    for path in _found(folder):
        if str(path.relative_to(folder)) not in wanted:
            raise CitylakeError(str(path), "no contract is called so", "run `make docs`")


def _found(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).rglob("*.md"))


def main(arguments: Sequence[str]) -> int:
    """Write or check; 1 where a page is stale."""
    parser = argparse.ArgumentParser("python -m assets.dictionary", description="Write the data dictionary from the contracts.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs"), help="where dictionary.md is, or is to be (docs)")
    parser.add_argument("--check", action="store_true", help="write nothing, and exit 1 where a page is stale")
    asked = parser.parse_args(arguments)
    try:
        (check if asked.check else write)(asked.folder)
    except CitylakeError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
