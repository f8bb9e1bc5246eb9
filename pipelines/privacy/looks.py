"""A first look at whole buffers: does anything show that could be forbidden content? Nearly all buffers end here.

What is certain is not decided here: patterns take in more than they should, and `content` looks closer.
"""

import threading
from functools import cache

import hyperscan

# base64 of 24 characters of ASCII, which may hold a picture in turn: no byte has its highest bit
_ASCII = r"(?:[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]){8}"
_BEGIN = r"Qk[0-3]|SUkq|TU0A|AAAA[A-Za-z0-9+/_-]{2}Z0eX|AAAADG|" + _ASCII
_STRONG = r"\\?[/_]9j\\?[/_]|iVBORw0KGg|R0lGOD[dl]h|UklGR"
_HEX = (
    r"(?:ff[\W_]{0,2}x?d8[\W_]{0,2}x?ff|89[\W_]{0,2}x?50[\W_]{0,2}x?4e|474946|524946|424d|49492a00|4d4d002a"
    r"|000000[0-9a-f]{2}66747970|0000000c)"
)
IMAGES = (
    r"(?i:data:image)",
    rf"(?:^|[^A-Za-z0-9+/_-]|\\[nrtu])(?:{_BEGIN})",
    rf"(?:{_STRONG})[A-Za-z0-9+/_\-\\]{{20}}",
    rf"(?i)(?:^|[^0-9a-f]|0x|\\x){_HEX}[0-9a-f]{{24}}",
    r"(?i)(?:[0-9a-f]{2}[ :,;-]{1,2}){16}|(?:\\+x[0-9a-f]{2}){12}|(?:%[0-9a-f]{2}){12}|%2F9j|%ff%d8|%89PNG|GIF8[79]a%",
    r"(?i)\\u00ff\\u00d8|\\u0089PNG",
    "\u00ff\u00d8\u00ff|\u0089PNG",
)
TEMPLATES = (
    r"\[(?:[\s\\nrt]*-?[0-9][-+0-9.eE]*[\s\\nrt]*,){15}",
    r"""["']63\\*["']\s*:\s*-?[0-9]""",
    r"""(?i)(?:template|embedding|descriptor|vector|encoding|faceid|eigenface)[^"'<>:=]{0,30}["'\\]*\s*[:=>]\s*["'\\]*"""
    r"""[A-Za-z0-9+/_\\=-]{64}""",
)
_KEY = r"""[^"'<>:=]{0,40}["'\\]*\s*[:=>]"""
NAMES = {
    "biometric": (r"(?i)(?:biometr|template)" + _KEY,),
    "plate": (
        r"(?i)(?:plate|kennzeichen|nummernschild|plaka|matr(?:i|í|\\{1,9}u00ed)cula|targa|kenteken|immatriculation|nummerplade)"
        + _KEY,
    ),
}
# a name written as escapes is none that a look would find
ESCAPES = (r"\\u00[2-7]",)
RAW = (b"\xff\xd8\xff[\xc0-\xfe]", b"\x89PNG\r\n")
"""Pictures as they are, where bytes should be text."""

# what must stand in a buffer for a name of the list above to be there, few enough to be looked for at memory's speed
NEEDLES = ("plate", "kennz", "nummer", "plaka", "cula", "biometr", "targa", "kenteken", '"63":', '"63\\\\":')


def patterns(forbids: tuple[str, ...]) -> str:
    """One regular expression that finds, in the text of a row, whatever of this may be there."""
    of_kind = {"image": IMAGES, "biometric": (*TEMPLATES, *NAMES["biometric"]), "plate": NAMES["plate"]}
    every = (*(p for kind in forbids for p in of_kind[kind]), *(ESCAPES if set(forbids) & set(NAMES) else ()))
    return "|".join(f"(?:{p})" for p in every)


def shows(data: bytes, forbids: tuple[str, ...], quoted: bool) -> bool:
    """Whether a buffer may hold forbidden content; False is certain.

    Args:
        quoted: every text in it stands in double quotes, as in JSON: what is long is then long without a quote.
    """
    if not forbids or not data:
        return False
    if (not quoted or _hit("long", data)) and (_hit("runs", data) or (_hit("gaps", data) and _hit("hex", data))):
        return True
    if not set(forbids) & set(NAMES):
        return False
    return (_hit("needles", data) and _hit("names", data)) or (
        (b"\\u00" in data if not quoted else b"\\" in data) and _hit("escapes", data)
    )


_LOOKS: dict[str, tuple[tuple[str | bytes, ...], int]] = {
    "long": (('[^"]{64}',), 0),
    # 40 characters without a gap, numbers in brackets, and pictures as they are
    "runs": (
        (
            r"[A-Za-z0-9+/_\\%-]{40}",
            r"\[[-+0-9.eE,\s]{31}",
            r"[\"']63\\*[\"']\s*:",
            "data:image",
            *RAW,
            "\u00ff\u00d8\u00ff",
            "\u0089PNG",
        ),
        0,
    ),
    # bytes as hex with gaps, which are dear to look for; and what they are made of, which is not
    "gaps": (("[0-9A-Fa-f ,:;-]{48}",), 0),
    "hex": (("(?:[0-9A-Fa-f]{2}[ :,;-]{1,2}){16}",), 0),
    "needles": (NEEDLES, hyperscan.HS_FLAG_CASELESS),
    "names": ((*NAMES["biometric"], *NAMES["plate"], TEMPLATES[1]), 0),
    "escapes": (ESCAPES, 0),
}
_mine = threading.local()


@cache
def _compiled(name: str) -> hyperscan.Database:
    patterns, flag = _LOOKS[name]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    expressions = [p if isinstance(p, bytes) else p.encode() for p in patterns]
    flags = [flag | hyperscan.HS_FLAG_SINGLEMATCH] * len(expressions)
    database.compile(expressions=expressions, ids=list(range(len(expressions))), elements=len(expressions), flags=flags)
    return database


def _hit(name: str, data: bytes) -> bool:
    """Whether any of the look's patterns is in the data."""
    database, found = _compiled(name), list[int]()
    scratches = _mine.__dict__.setdefault("scratches", {})
    if name not in scratches:  # a scratch serves one scan at a time
        scratches[name] = hyperscan.Scratch(database)

    def stop(number: int, *_: object) -> bool:
        found.append(number)
        return True

    try:
        database.scan(data, match_event_handler=stop, scratch=scratches[name])
    except hyperscan.ScanTerminated:
        return True
    return bool(found)
