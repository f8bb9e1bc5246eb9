"""A broker's notifications: NGSI entities gathered batch by batch, some told again, some batches cut.

How an entity looks is the feeds' own business.
"""

from collections import Counter

import numpy as np
import polars as pl

from pipelines.simulator import polls
from pipelines.simulator.faults import THIRTY_YEARS_S, FaultRates, draw
from pipelines.simulator.sent import Sent, flags, hit, named, stamped

KINDS = ("repeat", "correction", "unreadable_number", "missing_value", "future", "new_field")
LATER = 3
"""Batches after which a row is told again."""


def on(kind: str) -> pl.Expr:
    """Whether that fault is the row's."""
    return pl.col("fault") == kind


def is_draft() -> pl.Expr:
    """Whether the row is the wrong version that is corrected later."""
    return on("correction") & (pl.col("version") == 1)


def stamp() -> pl.Expr:
    """The row's instant as JSON."""
    return pl.when(on("missing_value")).then(pl.lit("null")).otherwise(pl.concat_str(pl.lit('"'), stamped(), pl.lit('"')))


def member() -> pl.Expr:
    """A member of JSON that nobody announced, where that is the row's fault."""
    return pl.when(on("new_field")).then(pl.lit(',"mood":{"type":"Text","value":"calm"}')).otherwise(pl.lit(""))


def notified(
    rng: np.random.Generator,
    rows: pl.DataFrame,
    entity: pl.Expr,
    about: str,
    start: int,
    batch_s: int,
    rates: FaultRates,
    by_end: bool = False,
) -> Sent:
    """Notifications about rows.

    Args:
        rows: `at` (epoch seconds, sorted), `shift_s`, and what `entity` needs: it is given `fault`, `version`, `poll` and
            `stamp_s` besides.
        about: the subscription's name.
        start: of the first batch, epoch seconds.
        by_end: `at` ends what a row is about: what ends with a batch is in it.

    Returns:
        Documents; the truth has the rows with `fault`, `is_destroyed` and `is_refined`; no keys.
    """
    chosen = draw(rng, rates, KINDS, rows.height)
    destroys, rejected = flags(KINDS, chosen)
    wire = rows.with_columns(
        fault=named(KINDS, chosen).cast(pl.String).fill_null(""),
        stamp_s=pl.col("at") + pl.col("shift_s") + np.where(chosen == KINDS.index("future"), THIRTY_YEARS_S, 0),
    )
    row, poll = np.arange(rows.height), (rows["at"].to_numpy() - start - by_end) // batch_s
    last = int(poll[-1]) if len(poll) else 0
    twice = np.flatnonzero(np.isin(chosen, [0, 1]))
    emitted = pl.DataFrame({"poll": poll, "row": row, "version": np.where(chosen == 1, 1, 0)})
    later = pl.DataFrame({"poll": np.minimum(poll[twice] + LATER, last), "row": row[twice], "version": np.zeros(len(twice), int)})
    emitted = pl.concat([emitted, later]).sort("poll", maintain_order=True)
    emitted = emitted.with_columns(is_rejected=pl.Series(rejected).gather(emitted["row"]))
    cut = rng.random(last + 1) < rates.polls
    emitted = emitted.filter(~pl.Series(cut).gather(emitted["poll"]))
    accepted = emitted.filter(~pl.col("is_rejected"))
    final = np.bincount(accepted.filter(pl.col("version") == 0)["row"].to_numpy(), minlength=rows.height) > 0
    any_version = np.bincount(accepted["row"].to_numpy(), minlength=rows.height) > 0
    wire = wire.with_columns(
        is_destroyed=destroys | ~final,
        is_refined=any_version,
        fault=pl.when((pl.col("fault") == "") & ~pl.Series(final)).then(pl.lit("truncated")).otherwise("fault"),
    )
    books = polls.counted(emitted) + Counter(taken=int(cut.sum()), rejected=int(cut.sum()))
    shown = wire[emitted["row"]].with_columns(emitted["poll"], emitted["version"])
    bodies = polls.joined(shown.with_columns(text=entity), last + 1)
    at = start + batch_s * (1 + np.arange(last + 1))
    counts = np.bincount(emitted["poll"].to_numpy(), minlength=last + 1)
    documents = pl.DataFrame({"stamp_s": at, "body": bodies, "cut": cut, "rows": counts})
    body = pl.concat_str(
        pl.lit('{"id":"urn:ngsi-ld:Notification:'), "stamp_s",
        pl.lit(f'","type":"Notification","subscriptionId":"{about}","notifiedAt":"'), stamped(), pl.lit('","data":['), "body",
        pl.lit("]}"),
    )  # fmt: skip
    lines = documents.select(
        received_s=pl.col("stamp_s") + 1,
        name=pl.concat_str(pl.lit("notification-"), "stamp_s"),
        body=pl.when("cut").then(body.str.slice(0, 80)).otherwise(body).cast(pl.Binary),
        rows=(pl.col("rows") + pl.col("cut")).cast(pl.Int64),
    )
    result = Sent(lines, wire, pl.DataFrame(), books=books)
    result.faults += hit(wire)
    result.faults["clock_offset"] += int((wire["shift_s"] != 0).sum())
    return result
