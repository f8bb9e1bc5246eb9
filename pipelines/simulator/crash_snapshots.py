"""The agency's table of crashes, published whole every day: later publications add, correct and withdraw, and one gains a column.

What happened is in crashes.py.
"""

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import polars as pl

from pipelines.simulator.faults import FaultRates, draw
from pipelines.simulator.sent import Sent, flags, hit, instant, named, stamped

KINDS = ("late_hours", "unreadable_number", "missing_value", "null_island", "new_value")
COLUMNS = ("crash_id", "occurred_at", "severity", "killed", "injured", "modes", "district", "lat", "lon")
BEFORE_MIDNIGHT_S, TYPING_S, LAST_AFTER_S = 7200, 1800, 14_400
"""The table is published two hours before midnight with what is half an hour old, and a last time after the last day."""
DELIVERED_S = 900
CORRECTED, GHOSTS = 0.12, 0.06
"""Share of the crashes whose first version is wrong; of reports of what was no crash, withdrawn a day later."""
WIDER_FROM = 1
"""The publication that gains a column."""
WORSE = {"O": "C", "C": "B", "B": "A", "A": "K", "K": "K", "U": "C"}


class CrashTable:
    """The table over several days."""

    def __init__(self, rates: FaultRates) -> None:
        self._rates = rates
        self._rows = pl.DataFrame()

    def publish(self, rng: np.random.Generator, crashes: pl.DataFrame, number: int, end: int) -> Sent:
        """The publication of the day `number` with its crashes; `end` is the day's end, epoch seconds.

        Its truth has the day's crashes, as they will be told in the end.
        """
        received = end - BEFORE_MIDNIGHT_S
        new = self._reported(rng, crashes, number, received - TYPING_S)
        self._rows = pl.concat([self._rows, new]) if self._rows.height else new
        result = self._published(number, received, received + 3600 + DELIVERED_S)
        result.truth = new.filter(~pl.col("is_ghost"))
        result.faults += hit(new) + Counter(correction=int(new["is_corrected"].sum()))
        return result

    def publish_last(self, number: int, end: int) -> Sent:
        """The publication after the last day, in which all is put right."""
        received = end + LAST_AFTER_S
        return self._published(number, received, received + DELIVERED_S)

    def _published(self, number: int, received: int, delivered: int) -> Sent:
        """A publication; `delivered` is the instant at which a lake receives it."""
        shown = self._rows.filter(
            pl.col("from_pub") <= number, ~pl.col("is_ghost") | (pl.col("from_pub") == number)
        ).with_columns(version=(pl.col("is_corrected") & (pl.col("from_pub") == number)).cast(pl.Int64))
        # version 1 is the wrong one that comes first
        before = shown.filter(pl.col("from_pub") < number, pl.col("is_refined"))
        changed = before.filter(pl.col("is_corrected"), pl.col("from_pub") == number - 1)
        refused = shown.filter(~pl.col("is_refined")).height
        # a new version of a crash supersedes nothing: the table keeps all
        books = Counter(taken=shown.height, rejected=refused, repeated=before.height - changed.height)
        name = f"crashes-{datetime.fromtimestamp(received, UTC):%Y-%m-%dT%H%MZ}"
        body = _header(number) + "".join(shown.select(_line(number)).to_series().to_list())
        document = pl.DataFrame(
            {"received_s": [received], "name": [name], "body": [body.encode()], "rows": pl.Series([shown.height], dtype=pl.Int64)}
        )
        fresh = shown.filter(pl.col("from_pub") == number)
        said = pl.concat([fresh, changed]).with_columns(delivered=pl.lit(delivered))
        keys = said.select(
            "crash_id", "is_destroyed", "is_refined", valid_from=instant("delivered"), occurred_at=instant("at"),
            fault=pl.when(pl.col("fault") != "").then("fault"),
        )  # fmt: skip
        return Sent(document, shown.clear(), keys, books=books)

    def _reported(self, rng: np.random.Generator, crashes: pl.DataFrame, number: int, until: int) -> pl.DataFrame:
        """What the agency hears of a day's crashes, with its faults, and of some that were none; those after `until` wait."""
        ghosts = crashes.filter(pl.Series(rng.random(crashes.height) < GHOSTS))
        ghosts = ghosts.filter(pl.col("at") < until).with_columns(crash_id=pl.col("crash_id").str.replace("C", "G"))
        rows = pl.concat([crashes.with_columns(is_ghost=pl.lit(False)), ghosts.with_columns(is_ghost=pl.lit(True))])
        chosen = draw(rng, self._rates, KINDS, rows.height)
        destroys, rejected = flags(KINDS, chosen)
        late = (chosen == KINDS.index("late_hours")) | (rows["at"] >= until).to_numpy()
        corrected = rng.random(rows.height) < (CORRECTED if self._rates.correction else 0)
        return rows.with_columns(
            fault=named(KINDS, chosen).cast(pl.String).fill_null(""),
            is_destroyed=destroys,
            is_refined=~rejected,
            is_corrected=pl.Series(corrected & ~late) & ~pl.col("is_ghost"),
            # a ghost is withdrawn the day after: it is never late
            from_pub=number + (pl.Series(late) & ~pl.col("is_ghost")).cast(pl.Int64),
            surface=pl.Series(("dry", "wet", "ice")).gather(rng.choice(3, rows.height, p=(0.7, 0.27, 0.03))),
        )


def _header(number: int) -> str:
    return ",".join((*COLUMNS, *(("road_surface",) if number >= WIDER_FROM else ()))) + "\n"


def _line(number: int) -> pl.Expr:
    """A line of a publication; the wrong first version of a crash is worse by one than it was."""

    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    wrong = pl.col("version") == 1
    texts = {
        "occurred_at": pl.when(on("missing_value")).then(pl.lit("")).otherwise(stamped("at")),
        "severity": pl.when(on("new_value")).then(pl.lit("Z")).when(wrong).then(
            pl.col("severity").replace_strict(WORSE, return_dtype=pl.String)
        ).otherwise("severity"),
        "killed": pl.when(on("unreadable_number")).then(pl.lit("n/a")).otherwise(pl.col("killed").cast(pl.String)),
        "injured": (pl.col("injured") + wrong.cast(pl.Int64)).cast(pl.String),
        "lat": pl.when(on("null_island")).then(pl.lit("0.0")).otherwise(pl.col("lat").cast(pl.String)),
        "lon": pl.when(on("null_island")).then(pl.lit("0.0")).otherwise(pl.col("lon").cast(pl.String)),
    }  # fmt: skip
    cells = [texts.get(c, pl.col(c)) for c in COLUMNS] + ([pl.col("surface")] if number >= WIDER_FROM else [])
    return pl.concat_str(*cells, separator=",") + "\n"
