"""What privacy classes mean: the closed lists of treatments and of forbidden content, and the names that tell of it.

How values are treated and rows are searched is `pipelines.privacy`. Nothing here reads a key or a row.
"""

import re
import unicodedata
from typing import TYPE_CHECKING, Literal

from schemas.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.column import Column

Privacy = Literal["open", "coarsen", "pseudonymise", "forbidden"]

TREATMENTS: dict[str, str] = {
    "open": "stored as it came",
    "coarsen": "made coarse before it is stored: a place its H3 cell's centre, a time its minute or hour, an address its block",
    "pseudonymise": "replaced by 32 hex digits of a keyed HMAC-SHA256 before it is stored",
    "forbidden": "a row that has a value here is refused, and the value is stored nowhere",
}
"""The closed list of what may become of a column before anything is stored."""

FORBIDDEN: dict[str, str] = {
    "image": "a picture (JPEG, PNG, GIF, WebP, BMP, TIFF, HEIC, AVIF), as base64, hex or data URI",
    "biometric": "a face or other biometric template: under such a name, or as a flat array of 64 numbers or more",
    "plate": "a vehicle's licence plate: a value under such a name",
}
"""The closed list of content that no row may carry, in any field, at any depth, unless its contract does not forbid it."""

TEMPLATE_NUMBERS, NAMED_NUMBERS = 64, 32
"""A flat array of so many numbers counts as a template, of so many under such a name: embeddings of faces have 128 or more."""
SHORTEST = 64
"""No text with fewer characters is a picture, or a template for its name alone."""
CELL = re.compile(r"h3:(\d|1[0-5])")
TIMES = {"minute": "1m", "hour": "1h"}
DIGITS = 32
PSEUDONYM = rf"^[0-9a-f]{{{DIGITS}}}$"
KEY_PREFIX, KEY_BYTES = "CITYLAKE_KEY_", 32
PURPOSE = re.compile(r"[a-z][a-z0-9_]*")

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PLATE_WORDS = {
    *("plate", "plates", "kennzeichen", "nummernschild", "plaka", "matricula", "targa", "kenteken", "immatriculation"),
    "nummerplade",
}
_PLATES = re.compile(
    r"(licen[cs]e|number|registration|vehicle|car)plate|(?<!tem)plate(number|no|id|identifier|text|value|read)(?![a-z])"
    r"|(kfz|amtliches|auto)kennzeichen|nummernschild"
)
_BIOMETRICS = re.compile(r"biometr|(face|facial|iris|palm|voice|gait|vein|finger(print)?)[\W_]*template")
_TEMPLATES = re.compile(
    r"template|embedding|descriptor|encoding$|eigenface|faceid"
    r"|(face|facial|iris|palm|voice|gait|vein|feature|reid)(vector|features?|print|code|signature)"
)


def named(name: str) -> str | None:
    """The kind of forbidden content that any value under such a name is; None for most names."""
    plain = _plain(name[:200])
    if _BIOMETRICS.search(plain.lower()):
        return "biometric"
    words = {w.lower() for w in _WORDS.findall(plain)}
    return "plate" if words & _PLATE_WORDS or _PLATES.search(plain.lower()) else None


def may_be_template(name: str) -> bool:
    """Whether something long and opaque under such a name is a template; a word under it is none."""
    return bool(_TEMPLATES.search(re.sub(r"[^a-z0-9]", "", _plain(name[:200]).lower())))


def _plain(name: str) -> str:
    """Without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def redacted(what: str, characters: int) -> str:
    """What stands where something was taken out."""
    return f"[redacted: {what}, {characters} characters]"


def key_name(purpose: str) -> str:
    """The environment variable that holds a purpose's key; with `_FILE` after it, a file's name."""
    return KEY_PREFIX + purpose.upper()


def check_column(place: str, column: "Column") -> None:
    """Raise ContractError where a column's class and what it says of the treatment do not fit."""
    kind, coarsen = column.privacy, column.coarsen
    if kind not in TREATMENTS:
        raise ContractError(place, f"privacy class {kind!r} is unknown", f"use one of {', '.join(TREATMENTS)}")
    if (column.purpose or column.rotates) and kind != "pseudonymise":
        raise ContractError(place, "purpose or rotates without privacy='pseudonymise'", "leave them out, or say so")
    if (coarsen is not None) != (kind == "coarsen"):
        raise ContractError(place, f"coarsen={coarsen!r} on a column that is {kind}", "privacy='coarsen' and coarsen go together")
    if kind == "pseudonymise":
        if column.kind != "string":
            raise ContractError(place, f"a pseudonym of a {column.kind}", "pseudonyms are strings")
        if not column.purpose or not PURPOSE.fullmatch(column.purpose):
            raise ContractError(place, f"purpose {column.purpose!r} names no key", "name one such as purpose='eservices'")
        if column.rotates not in (None, "day"):
            raise ContractError(place, f"rotates={column.rotates!r}", "use 'day', or leave it out")
        if column.allowed or column.default is not None or not _takes_pseudonyms(column.pattern):
            raise ContractError(place, "allowed values, default or pattern that a pseudonym breaks", "use IDENTIFIER, or none")
    if kind == "coarsen":
        fits = {"h3": "float", "minute": "instant", "hour": "instant", "block": "string"}.get((coarsen or "").partition(":")[0])
        if fits != column.kind or not (coarsen in (*TIMES, "block") or CELL.fullmatch(coarsen or "")):
            found = f"coarsen={coarsen!r} on a {column.kind}"
            raise ContractError(place, found, "use h3:0 to h3:15 on lat and lon, minute or hour on instants, block on addresses")
    if kind == "forbidden" and not column.nullable:
        raise ContractError(place, "a forbidden column that every row must have", "leave nullable=False out")


def check_columns(where: str, columns: "Sequence[Column]", key: "Sequence[str]", forbids: "Sequence[str]") -> None:
    """Raise ContractError where columns of a contract cannot be treated together."""
    unknown = sorted(set(forbids) - set(FORBIDDEN))
    if unknown:
        raise ContractError(where, f"forbids {unknown[0]!r}", f"use some of {', '.join(FORBIDDEN)}")
    said = {c.name: c for c in columns}
    for column in columns:
        if column.privacy == "coarsen" and column.name in key:
            remedy = "rows would fall together; use another key"
            raise ContractError(f"{where}, column {column.name}", "a key that is made coarse", remedy)
        if CELL.fullmatch(column.coarsen or ""):
            other = said.get(partner(column.name) or "")
            if other is None or other.coarsen != column.coarsen:
                remedy = "make both lat and lon coarse, alike"
                raise ContractError(f"{where}, column {column.name}", "a place is two columns, and one is not coarse", remedy)


def partner(name: str) -> str | None:
    """The longitude of a latitude and the other way round: `lat` and `lon`, `begin_lat` and `begin_lon`."""
    stem, axis = name[:-3], name[-3:]
    return stem + {"lat": "lon", "lon": "lat"}[axis] if axis in ("lat", "lon") else None


def _takes_pseudonyms(pattern: str | None) -> bool:
    return pattern is None or all(re.search(pattern, digits * DIGITS) for digits in "0af")
