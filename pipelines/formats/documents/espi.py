"""Green Button: usage information of NAESB REQ.21 (ESPI), Atom feeds of it and IntervalBlocks alone.

A row is one IntervalReading. Its UsagePoint, MeterReading and ReadingType are found by the links of the entries, whether these
are relative or absolute, and in whatever order they come. Wire names:
  UsagePoint, MeterReading   addresses, without host; of a customer's meter and of one of its series
  register                   total; received and net by flow direction; then .counter, .daily or .longer, .tou and .phase
  timePeriod.start, .duration, .end   epoch seconds, by UTC whatever the time zone beside them
  value                      number in the unit uom, powers of ten multiplied out; .delta of an interval, .cumulative of a counter
  uom                        Wh, W, J by its code; another code as it came, and `none` where no reading type says it
  quantity                   energy, power, other (another quantity or commodity), or unknown as its unit is
  quality                    the worst code of the reading, or the default of its type
  flowDirection, accumulationBehaviour, tou   codes as they came, but 19 of a net reading below zero
A net reading below zero is energy received. A reading type without readings says nothing. Customers' entries, costs and
usage summaries do not belong here.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from lxml import etree

from pipelines.formats.decoded import Decoded, faults
from pipelines.formats.espi_feed import OF_READING, OF_TYPE, Feed
from pipelines.formats.lines import Lines
from pipelines.formats.xml_documents import Malformed, elements, payloads
from pipelines.sources.source import Source
from schemas.conform import no_faults
from schemas.contract import Contract
from schemas.rejection import Code

PARTS = ("IntervalBlock", "entry")
BEGUN = ("feed", "IntervalBlocks", "UsagePoint", "MeterReading", "ReadingType")
UNITS = {"72": "Wh", "38": "W", "31": "J"}
OTHERS = (
    "5", "23", "27", "29", "33", "41", "42", "45", "61", "63", "65", "67", "69", "71", "73", "104", "105", "106", "111", "119",
    "120", "123", "125", "126", "127", "128", "129", "130", "131", "132", "133", "134", "137", "138", "139", "156", "157", "159",
    "160", "166", "167", "169",
)  # fmt: skip
"""Units of other quantities (VA, VAr, V, A, ...) and other commodities (therm, m3, gal, ...): UnitSymbolKind of espi.xsd."""
ELECTRICITY = ("0", "1", "2")
FLOWS = {"0": "total", "1": "total", "4": "net", "19": "received"}
CUMULATIVE = ("1", "2", "3")
"""bulkQuantity, continuousCumulative, cumulative: what a counter showed."""
INSTANTANEOUS = "12"
EXTREMES = ("8", "9", "16", "17", "23", "24", "25")
"""dataQualifier of maxima and minima: peaks of demand are no energy."""
PHASES = {"128": "a", "129": "a", "64": "b", "65": "b", "32": "c", "33": "c"}
WORST_FIRST = ("10", "16", "12", "8", "9", "13", "15", "11", "7", "14", "0", "17", "18", "19")
"""QualityOfReading: questionable, other, projected, estimated, mixed, normalized, derived, edited, raw, valid, ..."""
HOUR_S, DAY_S = 3600, 90000
ESPI = "naesb.org/espi"


def decode(documents: Lines, source: Source, contract: Contract) -> Decoded:  # noqa: ARG001 every format takes all three
    """A row per IntervalReading; a document that cannot be read, or is another one, is one malformed row."""
    names, frames, of = source.document_names, list[pl.DataFrame](), list[int]()
    refused = [no_faults()]
    for number, document in enumerate(documents.raw()):
        try:
            frame = _rows(_read(document))
        except Malformed as error:
            refused.append(faults(pl.Series([len(of)], dtype=pl.Int64), Code.MALFORMED, "an ESPI document", str(error)))
            of.append(number)
            continue
        frames.append(frame.select(pl.col(n) if n in frame.columns else pl.lit(None, pl.String).alias(n) for n in names))
        of += [number] * frame.height
    wrong = pl.concat(refused)
    kept = np.setdiff1d(np.arange(len(of)), wrong["_position"].to_numpy())
    wire = pl.concat(frames) if frames else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    wire = wire.with_columns(pl.Series("_position", kept, dtype=pl.Int64))
    document_of = np.array(of, np.int64)
    return Decoded((wire,), wrong, payloads(documents, document_of, wrong["_position"], _readings), document_of)


def _read(document: bytes) -> Feed:
    """The document's readings and resources.

    Raises:
        Malformed: where it cannot be read to its end, or speaks of something else.
    """
    feed, begun, entries = Feed(), set[str](), 0
    for name, element in elements(document, PARTS, BEGUN):
        if name in PARTS:
            entries += name == "entry"
            if any(ESPI in e.tag for e in element.iter("{*}*")):
                begun.add(name)
            feed.take(name, element)
        else:
            begun.add(name)
    if not begun or (entries and begun == {"feed"}):
        raise Malformed("nothing of ESPI in it")
    return feed


def _rows(feed: Feed) -> pl.DataFrame:
    """Wire columns, all texts, a row per reading."""
    told = feed.types()
    said = [t for *_, t in told]
    columns = (*OF_TYPE, "service")
    blocks = pl.DataFrame(
        {
            "UsagePoint": [p for p, *_ in told],
            "MeterReading": [r for _, r, _ in told],
            **{c: [t.get(c) for t in said] for c in columns},
        },
        schema=dict.fromkeys(("UsagePoint", "MeterReading", *columns), pl.String),
    )
    readings = pl.DataFrame(feed.readings, schema=dict.fromkeys(OF_READING, pl.String))
    frame = pl.concat([readings, blocks[feed.block]], how="horizontal")
    start, duration = (pl.col(c).cast(pl.Int64, strict=False) for c in ("start", "duration"))
    duration = duration.fill_null(pl.col("intervalLength").cast(pl.Int64, strict=False))
    is_counter = pl.col("accumulationBehaviour").is_in(CUMULATIVE).fill_null(False)
    power = pl.col("powerOfTenMultiplier").cast(pl.Int64, strict=False).fill_null(0).clip(-30, 30)
    number = pl.col("value").cast(pl.Float64, strict=False)
    scaled = pl.when(power < 0).then(number / pl.lit(10.0).pow(-power)).otherwise(number * pl.lit(10.0).pow(power))
    flow = pl.col("flowDirection").fill_null("0")
    is_fed_in = (flow == "4") & (number < 0)
    frame = frame.with_columns(
        is_counter.alias("is_counter"),
        duration.alias("seconds"),
        pl.when(is_fed_in).then(-scaled).otherwise(scaled).alias("number"),
        pl.when(is_fed_in).then(pl.lit("19")).otherwise(flow).alias("direction"),
        flow.replace_strict(FLOWS, default=None, return_dtype=pl.String).alias("flow"),
    ).with_columns(_quantity().alias("quantity"))
    # received and net have no register that holds the others: what tells their energy again, coarser, is left out
    fine = (pl.col("quantity") != "other") & ~pl.col("is_counter") & (pl.col("seconds") <= HOUR_S)
    received = ((pl.col("flow") == "received") & fine).any().over("UsagePoint")
    gross = ((pl.col("flow") != "net") & (pl.col("quantity") != "other")).any().over("UsagePoint")
    again = ((pl.col("flow") == "received") & ~fine & received) | ((pl.col("flow") == "net") & gross)
    value = pl.when(pl.col("number").is_not_null()).then(pl.col("number").cast(pl.String)).otherwise("value")
    return frame.select(
        "UsagePoint", "MeterReading", "accumulationBehaviour", "tou",
        _register().alias("register"),
        pl.col("start").alias("timePeriod.start"),
        pl.when("is_counter").then(pl.lit("0")).otherwise(pl.coalesce(pl.col("seconds").cast(pl.String), "duration"))
        .alias("timePeriod.duration"),
        # a start that is no number is shown as it came
        pl.coalesce((start + pl.col("seconds")).cast(pl.String), pl.when(start.is_null()).then("start")).alias("timePeriod.end"),
        value.alias("value"),
        pl.when(~pl.col("is_counter")).then(value).alias("value.delta"),
        pl.when("is_counter").then(value).alias("value.cumulative"),
        pl.col("uom").replace(UNITS).fill_null("none").alias("uom"),
        pl.when(again).then(pl.lit("other")).otherwise("quantity").alias("quantity"),
        _quality().alias("quality"),
        pl.col("direction").alias("flowDirection"),
    )  # fmt: skip


def _quantity() -> pl.Expr:
    """What the reading's type measures."""
    other = (
        pl.col("uom").is_in(OTHERS)
        | ~pl.col("commodity").is_in(ELECTRICITY)
        | (pl.col("service") != "0")
        | pl.col("flow").is_null()
        | pl.col("dataQualifier").is_in(EXTREMES)
        | (pl.col("accumulationBehaviour") == INSTANTANEOUS)
        | ((pl.col("uom") == "38") & pl.col("is_counter"))
    ).fill_null(False)
    return (
        pl.when(other)
        .then(pl.lit("other"))
        .when(pl.col("uom") == "38")
        .then(pl.lit("power"))
        .when(pl.col("uom").is_in(list(UNITS)))
        .then(pl.lit("energy"))
        .otherwise(pl.lit("unknown"))
    )


def _register() -> pl.Expr:
    """One register for each series of a usage point that is counted by itself."""
    length = (
        pl.when("is_counter")
        .then(pl.lit(".counter"))
        .when(pl.col("seconds") > DAY_S)
        .then(pl.lit(".longer"))
        .when(pl.col("seconds") > HOUR_S)
        .then(pl.lit(".daily"))
        .otherwise(pl.lit(""))
    )
    tou = pl.when(pl.col("tou").is_not_null() & (pl.col("tou") != "0")).then(pl.format(".tou{}", "tou")).otherwise(pl.lit(""))
    phase = pl.col("phase").replace_strict({k: f".phase_{v}" for k, v in PHASES.items()}, default="", return_dtype=pl.String)
    return pl.concat_str(pl.col("flow").fill_null("other"), length, tou, phase.fill_null(""))


def _quality() -> pl.Expr:
    """The worst of the reading's codes; a code that is not known is shown as it came."""
    codes = pl.col("quality").fill_null(pl.col("defaultQuality")).str.split(" ")
    rank = pl.element().replace_strict({c: i for i, c in enumerate(WORST_FIRST)}, default=-1, return_dtype=pl.Int64)
    return codes.list.get(codes.list.eval(rank).list.arg_min())


def _readings(document: bytes) -> Iterator[etree._Element]:
    return (r for _, block in elements(document, ("IntervalBlock",)) for r in block.iterchildren("{*}IntervalReading"))
