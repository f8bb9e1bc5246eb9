"""Knows a picture by its first bytes, however they are written: base64, base64url, hex, percent signs, a data URI.

Where in a row texts are looked for is `content`.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

HEAD = 48
"""Bytes of a picture that must be seen to know it."""
LARGEST = 64 << 20
BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis"}
HEADERS_OF_BMP = {12, 16, 40, 52, 56, 64, 108, 124}

DATA_URI = re.compile(r"data:image/", re.I)
RUN = re.compile(r"[A-Za-z0-9+/_-]{62,}={0,2}")
HEX = re.compile(r"[0-9A-Fa-f]{64,}")
SPACED = re.compile(r"(?:(?:\\+x|0x)?[0-9A-Fa-f]{2}[ :,;-]{0,2}){16,}")
PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}|[\w.~+/-]){40,}")
# where a picture can begin within base64; short beginnings only where the run does
_WITHIN = re.compile(r"/9j/|iVBORw0KGgo|R0lGOD[dl]h|UklGR.{6}XRUJQ|AAAA..Z0eX|AAAADGpQ|AAAADEpY")
_AT_FIRST = re.compile(r"Qk|SUkq|TU0A|.{5}Z0eX")
_RAW = re.compile("\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n")


def is_image(data: bytes) -> bool:
    """Whether bytes begin as a JPEG, PNG, GIF, WebP, BMP, TIFF, HEIC, AVIF, JPEG 2000 or JPEG XL file does."""
    if data[:3] == b"\xff\xd8\xff":
        return len(data) > 3 and data[3] >= 0xC0
    if data[:8] == b"\x89PNG\r\n\x1a\n" or data[:6] in (b"GIF87a", b"GIF89a"):
        return True
    if data[:4] == b"RIFF":
        return data[8:12] == b"WEBP"
    if data[:4] in (b"II*\0", b"MM\0*"):
        first = int.from_bytes(data[4:8], "little" if data[:1] == b"I" else "big")
        return 8 <= first < 1 << 31
    if data[:2] == b"BM":
        return data[6:10] == b"\0\0\0\0" and int.from_bytes(data[14:18], "little") in HEADERS_OF_BMP
    if data[4:8] == b"ftyp":
        return data[8:12] in BRANDS
    return data[:8] in (b"\0\0\0\x0cjP  ", b"\0\0\0\x0cJXL ")


def holds_image(text: str) -> bool:
    """Whether a text holds a picture anywhere."""
    if DATA_URI.search(text) or _RAW.search(text):
        return True
    if any(_of_base64(run) for run in RUN.findall(text)):
        return True
    if any(_of_hex(run) for run in HEX.findall(text)) or any(_of_hex(run) for run in SPACED.findall(text)):
        return True
    return "%" in text and any(holds_bytes(unquote_to_bytes(run)) for run in PERCENT.findall(text) if "%" in run)


def holds_bytes(data: bytes) -> bool:
    """Whether bytes are a picture, or the text of one."""
    return is_image(data) or any(_of_base64(run) for run in RUN.findall(data[:LARGEST].decode("latin-1")))


def inner_texts(text: str) -> Iterator[str]:
    """Texts that stand in a text as base64."""
    for run in RUN.findall(text):
        data = decoded(run)
        # only what is text can hold more text: of 20 random bytes hardly any are
        if data and not _binary(data[:HEAD]):
            try:
                yield data.decode()
            except UnicodeDecodeError:
                continue


def decoded(run: str) -> bytes:
    """The bytes of a run of base64 or base64url, whatever of its end is missing."""
    plain = run.rstrip("=").replace("-", "+").replace("_", "/")
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4)) if len(plain) <= LARGEST else b""
    except binascii.Error:
        return b""


def _of_base64(run: str) -> bool:
    plain = run.replace("-", "+").replace("_", "/")
    if _AT_FIRST.match(plain) and is_image(decoded(plain[:64])):
        return True
    return any(is_image(decoded(plain[m.start() : m.start() + 64])) for m in _WITHIN.finditer(plain))


def _of_hex(run: str) -> bool:
    digits = re.sub(r"\\+x|0x|[^0-9A-Fa-f]", "", run[:400])
    return any(is_image(bytes.fromhex(digits[at : at + (len(digits) - at) // 2 * 2])) for at in (0, 1))


def _binary(data: bytes) -> bool:
    return any(b < 9 or 13 < b < 32 for b in data)
