"""Refuses rows that carry forbidden content, whatever their format, and takes the content out of what is said of them.

What is content is said by `content`; what the columns of a contract become, by `treatment`.
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.lines import Lines
from pipelines.privacy import looks
from pipelines.privacy.columns import in_columns, in_texts
from pipelines.privacy.content import Found, without
from pipelines.sources.source import Source
from schemas.conform import FOUND_LENGTH
from schemas.contract import Contract
from schemas.privacy import named, redacted
from schemas.rejection import Code

QUOTED = ("json_lines", "json")
BLOB = r"^[A-Za-z0-9+/=_\s-]{40,}$"
NO_TEXT = r"\\x[0-9a-f]{2}|[\x00-\x08\x0e-\x1f\x7f-\u009f]"
MUCH, FEW = 16, 3
"""So many bytes that are no text, or so many in a short line, and a refused line may be a piece of a picture."""


def screened(decoded: Decoded, lines: Lines | None, source: Source, contract: Contract, header: tuple[str, ...] = ()) -> Decoded:
    """What was decoded, without the rows that carry what the contract forbids; each of them is a fault.

    Args:
        lines: what it was decoded from; None where that is no text, as in Parquet and archives.
    """
    forbids = contract.forbids
    is_text = not _no_text(decoded)
    quoted = source.format in QUOTED and is_text
    named_so = [n for n in header if named(n) in forbids]
    if lines is not None and is_text and not named_so and not looks.shows(lines.data, forbids, quoted):
        return decoded
    held = _doubtful(lines, decoded, forbids)
    told: dict[int, Found] = {}
    frames = []
    for frame in decoded.frames:
        found = _in_frame(frame, decoded, source, forbids, held)
        told |= found
        frames.append(frame.filter(~frame["_position"].is_in(list(found))) if found else frame)
    cleaned = _refused(decoded, forbids, bool(named_so))
    if not told and not cleaned:
        return decoded
    return _without(decoded, tuple(frames), told, cleaned, forbids)


def _no_text(decoded: Decoded) -> bool:
    return bool((decoded.faults["code"] == str(Code.NOT_UTF8)).any())


def _doubtful(lines: Lines | None, decoded: Decoded, forbids: tuple[str, ...]) -> pl.Series | None:
    """Numbers of the documents in which something shows; None where all may."""
    if lines is None or decoded.documents is None or not lines.count:
        return None
    raw = lines.raw()
    # of bytes that are no text, and of single-byte encodings, what matters is told by ASCII
    is_text = lines.encoding == "utf-8" and lines.is_utf8
    texts = raw.cast(pl.String) if is_text else pl.Series([b.decode("latin-1") for b in raw], dtype=pl.String)
    return texts.str.contains(looks.patterns(forbids)).fill_null(True).arg_true()


def _in_frame(
    frame: pl.DataFrame, decoded: Decoded, source: Source, forbids: tuple[str, ...], held: pl.Series | None
) -> dict[int, Found]:
    """Position -> what the row carries."""
    positions = frame["_position"]
    if source.format == "csv":
        return in_columns(frame, positions, forbids)
    if decoded.fields is not None:
        return in_columns(decoded.fields, positions, forbids)
    if held is not None and decoded.documents is not None:
        of = pl.Series(decoded.documents[positions.to_numpy()])
        frame = frame.filter(of.is_in(held.implode()))
        positions = frame["_position"]
    if not positions.len():
        return {}
    # an envelope may say something of all its rows that stands in none of them
    return in_columns(frame, positions, forbids) | in_texts(decoded.payloads(positions), positions, forbids)


def _refused(decoded: Decoded, forbids: tuple[str, ...], unsaid: bool) -> dict[int, str]:
    """Position -> payload without content, of rows that were refused before; only those that change.

    Args:
        unsaid: a column is forbidden by its name, and of a line that is no row nobody can say where it stands.
    """
    positions = decoded.faults["_position"]
    if not positions.len():
        return {}
    shown = decoded.payloads(positions)
    sizes = shown.str.len_chars()
    found = in_texts(shown, positions, forbids)
    out = {}
    broken = shown.str.count_matches(NO_TEXT)
    odd = (broken >= MUCH) | ((broken >= FEW) & (broken * 10 >= sizes)) | shown.str.contains(BLOB)
    # a line of NULs is none, and hides nothing
    odd &= shown.str.strip_chars("\x00\r\n") != ""
    for at in odd.fill_null(False).arg_true():
        out[positions[at]] = redacted("no text", sizes[at])
    by_position = dict(zip(positions, shown, strict=True))
    for position, what in found.items():
        out[position] = without(by_position[position], forbids, what)
    if unsaid:
        out |= {p: redacted("plate", n) for p, n in zip(positions, sizes, strict=True) if n}
    return out


def _without(
    decoded: Decoded,
    frames: tuple[pl.DataFrame, ...],
    told: Mapping[int, Found],
    cleaned: Mapping[int, str],
    forbids: tuple[str, ...],
) -> Decoded:
    before, known = decoded.payloads, decoded.faults
    if cleaned:
        shown = {position: text[:FOUND_LENGTH] for position, text in cleaned.items()}
        instead = pl.col("_position").replace_strict(shown, default=pl.col("found"), return_dtype=pl.String)
        known = known.with_columns(pl.when(pl.col("found").is_not_null()).then(instead).alias("found"))
    if told:
        positions = pl.Series(list(told), dtype=pl.Int64)
        expected = "no " + ", no ".join(forbids)
        new = faults(positions, Code.FORBIDDEN_CONTENT, expected, pl.Series([f.told for f in told.values()], dtype=pl.String))
        known = pl.concat([known, new.with_columns(pl.Series("column", [f.name for f in told.values()], dtype=pl.String))])

    def payloads(positions: pl.Series) -> pl.Series:
        shown = before(positions).to_list()
        for at, position in enumerate(positions):
            if position in told:
                shown[at] = without(shown[at] or "", forbids, told[position])
            elif position in cleaned:
                shown[at] = cleaned[position]
        return pl.Series("payload", shown, dtype=pl.String)

    return replace(decoded, frames=frames, faults=known.sort("_position"), payloads=payloads, fields=None)
