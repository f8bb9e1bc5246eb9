"""Files that appear whole or not at all: written beside their place, then swapped in. Readers keep the old one.

What is written does not belong here.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from schemas.errors import LakeError

HALF = ".half"
STALE_S = 86400
REMEDY = "check that the folder can be written, that the disk is not full and that the lake's files can be read"


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A place to write at; on leaving without an error it takes the path's place.

    Raises LakeError where it cannot be written, such as on a full disk; the old file then stays.
    """
    half = path.with_name(f".{path.name}.{os.getpid()}{HALF}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(half)
        yield half
        os.replace(half, path)
    except (OSError, duckdb.Error) as error:
        text = " ".join(str(error).split())[:300]
        raise LakeError(str(path), text, REMEDY) from error
    finally:
        with suppress(OSError):  # what went wrong was told above
            _clear(half)


def _clear(half: Path) -> None:
    for name in (half, half.with_name(f"{half.name}.wal")):
        name.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what exports that were killed more than a day ago left half written."""
    for half in folder.rglob(f".*{HALF}"):
        if half.is_file() and time.time() - half.stat().st_mtime > STALE_S:
            half.unlink(missing_ok=True)
