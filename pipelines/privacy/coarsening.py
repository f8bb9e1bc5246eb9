"""Places, times and addresses made coarse, of whole columns at once.

Which columns are made coarse is said by contracts, and done by `treatment`.
"""

import polars as pl
import polars_h3 as h3

from schemas.column import Column
from schemas.privacy import TIMES, partner

# 1234 MAIN ST, 12-34 56TH AVE, 12B HIGH ST; Hauptstr. 12a; what is left of a number is its hundred
_LEADING = r"^\s*(\d+)(?:[-/]\d+)?[A-Za-z]?(?:\s+(?i:bl(?:oc)?k\b)(?:\s+(?i:of\b))?)?(?:\s+(\S.*))?$"
_TRAILING = r"^(.*?\D)\s+(\d+)(?:[-/]\d+)?\s?[A-Za-z]?\s*$"
_UNIT = r"(?i)[\s,]+(?:apt|apartment|unit|ste|suite|fl|floor|rm|room|lot|#)\b?\.?\s*#?\s*[\w-]*\s*$"


def coarse(columns: tuple[Column, ...]) -> list[pl.Expr]:
    """Expressions that make the columns coarse, each under its own name."""
    by_name, out = {c.name: c for c in columns if c.coarsen}, []
    for name, column in by_name.items():
        how, _, resolution = (column.coarsen or "").partition(":")
        if how == "h3" and name.endswith("lat"):
            out += _centre(name, partner(name) or "", int(resolution))
        elif how in TIMES:
            out.append(pl.col(name).dt.truncate(TIMES[how]))
        elif how == "block":
            out.append(_block(pl.col(name)).alias(name))
    return out


def _centre(lat: str, lon: str, resolution: int) -> list[pl.Expr]:
    """The centre of the H3 cell that holds the place; half a place becomes none."""
    whole = pl.col(lat).is_finite() & pl.col(lon).is_finite()
    cell = h3.latlng_to_cell(pl.when(whole).then(lat), pl.when(whole).then(lon), resolution)
    return [h3.cell_to_lat(cell).alias(lat), h3.cell_to_lng(cell).alias(lon)]


def _block(address: pl.Expr) -> pl.Expr:
    """`1234 MAIN ST APT 5` becomes `1200 block MAIN ST`; a street without a number stays."""
    street = address.str.replace(_UNIT, "").str.strip_chars()
    first, last = street.str.extract_groups(_LEADING), street.str.extract_groups(_TRAILING)
    leading = pl.format("{} block {}", _hundred(first.struct[0]), first.struct[1].fill_null("")).str.strip_chars()
    trailing = pl.format("{} block {}", _hundred(last.struct[1]), last.struct[0].str.strip_chars())
    return pl.coalesce(leading, trailing, street)


def _hundred(number: pl.Expr) -> pl.Expr:
    return number.str.slice(0, 15).cast(pl.Int64, strict=False) // 100 * 100
