"""Pictures, templates and plates to plant in rows, in many spellings; and where in a lake a text is found again."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

PICTURES = {
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "exif": b"\xff\xd8\xff\xe1\x1f\xfeExif\x00",
    "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "gif": b"GIF89a",
    "webp": b"RIFF\x10\x20\x00\x00WEBPVP8 ",
    "bmp": b"BM\x46\x01\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00",
    "tiff": b"II*\x00\x08\x00\x00\x00",
    "tiff_big_endian": b"MM\x00*\x00\x00\x00\x08",
    "heic": b"\x00\x00\x00\x18ftypheic",
    "avif": b"\x00\x00\x00\x20ftypavif",
}


def picture(kind: str, size: int = 200, seed: int = 1) -> bytes:
    """Bytes that begin as such a file does."""
    return PICTURES[kind] + np.random.default_rng(seed).bytes(size)


SPELLINGS = {
    "base64": lambda b: base64.b64encode(b).decode(),
    "base64url": lambda b: base64.urlsafe_b64encode(b).decode().rstrip("="),
    "lines": lambda b: base64.encodebytes(b).decode(),
    "short": lambda b: base64.b64encode(b).decode()[:64],
    "hex": lambda b: b.hex(),
    "HEX": lambda b: b.hex().upper(),
    "hex with blanks": lambda b: b.hex(" "),
    "percent": lambda b: "".join(f"%{c:02X}" for c in b),
    "escapes": lambda b: "".join(f"\\x{c:02x}" for c in b),
    "data uri": lambda b: "data:image/jpeg;base64," + base64.b64encode(b).decode(),
}
WRAPPINGS = {
    "bare": lambda t: t,
    "json in a text": lambda t: json.dumps({"a": json.dumps({"b": t})}),
    "base64 of json": lambda t: base64.b64encode(json.dumps({"b": t}).encode()).decode(),
    "base64 of base64": lambda t: base64.b64encode(base64.b64encode(json.dumps([t]).encode())).decode(),
}


def where_found(folder: Path, needle: str) -> list[str]:
    """Files in a folder in which a text stands: in their bytes, or in a value of a table."""
    out = []
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        raw = file.read_bytes()
        held = needle.encode() in raw
        if file.suffix == ".parquet":
            held = held or any(needle in text for text in _texts(pl.read_parquet(file)))
        if held:
            out.append(str(file.relative_to(folder)))
    return out


def _texts(table: pl.DataFrame) -> list[str]:
    return [str(v) for name in table.columns for v in table[name].drop_nulls().unique()]


def marks(value: Any) -> list[str]:
    """Pieces of what was planted that may stand nowhere: texts of 24 characters or more, or all of it."""
    text = value if isinstance(value, str) else json.dumps(value)
    plain = text.strip().replace("\n", "")
    middle = len(plain) // 2
    return [plain] if len(plain) < 60 else [plain[30:54], plain[middle - 12 : middle + 12]]
