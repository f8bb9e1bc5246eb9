"""What contracts say of their columns is done to rows before they are stored: pseudonyms, coarse places and times.

And what is said of refused rows never shows such a column as it came. What no row may carry is `screen`.
"""

from dataclasses import replace

import polars as pl

from pipelines.formats.decoded import Decoded
from pipelines.privacy.coarsening import coarse
from pipelines.privacy.keys import key
from pipelines.privacy.pseudonyms import by_day, pseudonyms
from pipelines.sources.source import Source
from schemas.contract import Contract


def treated(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Rows of the contract's columns and `event_date`, as they may be stored.

    Raises:
        SettingsError: a key is not there.
    """
    if not contract.guarded:
        return rows
    rows = rows.with_columns(coarse(contract.guarded))
    for column in contract.guarded:
        if column.purpose is not None:
            secret, texts = key(column.purpose), rows[column.name]
            made = by_day(texts, rows["event_date"], secret) if column.rotates else pseudonyms(texts, secret)
            rows = rows.with_columns(made.alias(column.name))
    return rows


def hushed(faults: pl.DataFrame, source: Source, contract: Contract) -> pl.DataFrame:
    """Faults that do not show what was found in columns that are not stored as they came, or in rules about them."""
    if not contract.guarded or not faults.height:
        return faults
    guarded = {c.name for c in contract.guarded}
    wires = _wires(source, contract)
    silent = guarded | {f.target for f in source.fields if set(f.wire) & set(wires)}
    silent |= {r.name for r in contract.row_rules if set(pl.sql_expr(r.condition).meta.root_names()) & guarded}
    return faults.with_columns(
        pl.when(pl.col("column").is_in(sorted(silent))).then(_length("found")).otherwise("found").alias("found")
    )


def veiled(decoded: Decoded, source: Source, contract: Contract) -> Decoded:
    """What was decoded, with payloads that do not show columns as they may not be stored.

    A payload is then made of what the source's block maps, as JSON under the incoming names: pseudonyms and lengths stand for
    what is guarded, and nothing is said of other fields, which may say it again. Of what is no row there is the length, and
    a keyed digest by which a sender can find it again.
    """
    if not contract.guarded:
        return decoded
    before, frames = decoded.payloads, decoded.frames
    wires = _wires(source, contract)
    shown = [w for f in source.fields for w in (*f.wire, *((f.unit_from,) if f.unit_from else ()))]

    def payloads(positions: pl.Series) -> pl.Series:
        asked = pl.DataFrame({"_position": positions.cast(pl.Int64)})
        parts = [pl.DataFrame(schema={"_position": pl.Int64, "payload": pl.String})]
        for frame in frames:
            some = frame.join(asked.unique(), on="_position", how="semi")
            there = [w for w in dict.fromkeys(shown) if w in frame.columns]
            columns = [_veil(some[w], wires[w]) if w in wires else some[w] for w in there]
            made = pl.DataFrame(columns).select(pl.struct(pl.all()).struct.json_encode()).to_series() if there else None
            if made is not None and some.height:
                parts.append(some.select("_position").with_columns(made.alias("payload")))
        made = asked.join(pl.concat(parts), on="_position", how="left", maintain_order="left")["payload"]
        bare = made.is_null().arg_true()
        return made.scatter(bare, _digested(before(positions.gather(bare)), contract)) if bare.len() else made

    known = decoded.faults
    if known.height:
        told = pl.col("found").str.starts_with("[redacted: ") & pl.col("found").str.ends_with(" characters]")
        known = known.with_columns(pl.when(told).then("found").otherwise(_length("found")).alias("found"))
    return replace(decoded, faults=known, payloads=payloads)


def _wires(source: Source, contract: Contract) -> dict[str, str | None]:
    """Incoming names of guarded columns -> the purpose by whose key alone they may be told, where there is one."""
    out: dict[str, str | None] = {}
    for field in source.fields:
        column = contract[field.target]
        if column.privacy != "open":
            told = column.purpose if column.rotates is None and len(field.wire) == 1 else None
            out |= {w: told if out.get(w, told) == told else None for w in field.wire}
    return out


def _veil(values: pl.Series, purpose: str | None) -> pl.Series:
    texts = values.cast(pl.String, strict=False)
    if purpose is not None:
        return pseudonyms(texts, key(purpose)).rename(values.name)
    return texts.to_frame("found").select(_length("found")).to_series().rename(values.name)


def _length(name: str) -> pl.Expr:
    return pl.format("[redacted: {} characters]", pl.col(name).str.len_chars())


def _digested(texts: pl.Series, contract: Contract) -> pl.Series:
    said = texts.to_frame("t").select(_length("t")).to_series()
    if not contract.purposes:
        return said
    digests = pseudonyms(texts, key(contract.purposes[0]))
    return said.str.strip_suffix("]") + ", hmac " + digests + "]"
