"""Small texts a process leaves in the lake for the next one: steps that were decided, how far a follower read.

Rows do not belong here. A note is written whole or not at all, and the last one written counts.
"""

import hashlib
import os
import re
import threading
from pathlib import Path

from pyarrow.fs import FileSelector, FileType

from schemas.errors import LakeError
from schemas.storage import file_system, is_remote

FOLDER = "_notes"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,120}(/[a-z0-9][a-z0-9._-]{0,120})*")


def file_name(text: str) -> str:
    """A text from outside as a name that a note may have: the same text gives the same name."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:40] or "x"
    return f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class Notes:
    """The notes of the lake at `root`."""

    def __init__(self, root: str) -> None:
        self.root = f"{root}/{FOLDER}"

    def write(self, name: str, text: str) -> None:
        """Leave a note; it replaces an earlier one of the same name."""
        uri = self._uri(name)
        try:
            if is_remote(uri):
                store, path = file_system(uri)
                with store.open_output_stream(path) as stream:
                    stream.write(text.encode())
                return
            target = Path(uri)
            target.parent.mkdir(parents=True, exist_ok=True)
            half = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}")
            try:
                half.write_text(text, encoding="utf-8")
                half.replace(target)
            finally:
                half.unlink(missing_ok=True)
        except OSError as error:
            raise self._refused(uri, error) from error

    def read(self, name: str) -> str | None:
        """The note of that name, or None."""
        store, path = file_system(self._uri(name))
        try:
            with store.open_input_stream(path) as stream:
                return bytes(stream.read()).decode()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refused(path, error) from error

    def names(self, folder: str) -> list[str]:
        """Names of the notes in a folder, sorted."""
        store, path = file_system(self._uri(folder))
        try:
            found = store.get_file_info(FileSelector(path, allow_not_found=True))
        except OSError as error:
            raise self._refused(path, error) from error
        return sorted(f"{folder}/{f.base_name}" for f in found if f.type == FileType.File and not f.base_name.startswith("."))

    def has(self, folder: str) -> bool:
        """Whether anybody ever left a note in a folder, or in one within it."""
        store, path = file_system(self._uri(folder))
        try:
            return bool(store.get_file_info(FileSelector(path, allow_not_found=True)))
        except OSError as error:
            raise self._refused(path, error) from error

    def remove(self, name: str) -> None:
        """Take a note away, if it is there."""
        store, path = file_system(self._uri(name))
        try:
            store.delete_file(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._refused(path, error) from error

    def _uri(self, name: str) -> str:
        if not NAME.fullmatch(name):
            raise LakeError(f"note {name!r}", "it is no name of a note", "use lower-case letters, digits, . _ - and /")
        return f"{self.root}/{name}"

    @staticmethod
    def _refused(uri: str, error: OSError) -> LakeError:
        text = " ".join(str(error).split())[:300]
        return LakeError(uri, text, "check that the folder can be read and written, and the space on its disk")
