"""What registers of service requests show: Open311 polls of the city's, a CSV of changes of the outer districts'; faults and all.

What is asked for and how it goes on is in service_register.py.
"""

from collections import Counter

import numpy as np
import polars as pl

from pipelines.simulator import polls
from pipelines.simulator.faults import THIRTY_YEARS_S, FaultRates, draw
from pipelines.simulator.sent import Sent, flags, hit, instant, named, stamped
from pipelines.simulator.service_register import SERVICES
from pipelines.simulator.wording import CSV_FAULTS, Wording, worded
from schemas import registry

KINDS = ("missing_value", "unreadable_number", "future", "new_field", "out_of_order")
POLL_S, SHOWN_S = 7200, 28_800


def wording() -> Wording:
    """How changes are worded as CSV."""
    kinds = tuple(k for k in CSV_FAULTS if k != "correction")
    return Wording(registry.feed("service_requests"), number="lat", kinds=kinds, is_csv=True)


def promised(versions: pl.DataFrame) -> pl.Series:
    """Until when the city has promised to have it done, epoch seconds."""
    return versions["requested_at"] + (SERVICES["sla_h"].gather(versions["service"]) * 3600).cast(pl.Int64)


class Polls:
    """The city's register, polled again and again: a poll shows what changed in the last eight hours, as it is now."""

    def __init__(self, rates: FaultRates) -> None:
        self._rates = rates
        self._wire = pl.DataFrame()
        self._known: set[tuple[str, int]] = set()

    def between(self, rng: np.random.Generator, versions: pl.DataFrame, times: np.ndarray) -> Sent:
        """The polls at these instants.

        Args:
            versions: of the city's own requests, sorted by request and time.
        """
        versions = versions.with_columns(expected_at=promised(versions))
        self._wire = self._with_faults(rng, versions)
        wire = self._wire
        emitted = polls.shown(wire["request"].to_numpy(), wire["updated_at"].to_numpy(), times, SHOWN_S)
        cut = rng.random(len(times)) < self._rates.polls
        emitted = emitted.filter(~pl.Series(cut).gather(emitted["poll"])) if emitted.height else emitted
        shown = wire[emitted["row"].to_list()].with_columns(emitted["poll"])
        kept = shown.filter("is_refined")
        fresh = kept.unique(["request", "updated_at"], keep="first", maintain_order=True).filter(~pl.col("is_known"))
        books = Counter(
            taken=shown.height + int(cut.sum()),
            rejected=shown.height - kept.height + int(cut.sum()),
            repeated=kept.height - fresh.height,
        )
        news = shown.unique(["request", "updated_at"], keep="first", maintain_order=True).filter(~pl.col("is_known"))
        seen = news.select("request", "updated_at", seen=pl.lit(True))
        marked = wire.join(seen, on=["request", "updated_at"], how="left", maintain_order="left")
        self._wire = marked.with_columns(is_known=pl.col("is_known") | pl.col("seen").fill_null(False)).drop("seen")
        result = Sent(_documents(shown, times, cut), news, _keys(news), books=books)
        result.faults += hit(news)
        result.faults["truncated"] += int(cut.sum())
        return result

    def _with_faults(self, rng: np.random.Generator, versions: pl.DataFrame) -> pl.DataFrame:
        """Versions, each with the fault that it has in every poll; those that are known already keep theirs."""
        if self._wire.height:
            versions = versions.join(self._wire, on=["request", "updated_at"], how="anti", maintain_order="left")
        chosen = draw(rng, self._rates, KINDS, versions.height)
        destroys, rejected = flags(KINDS, chosen)
        new = versions.with_columns(
            fault=named(KINDS, chosen).cast(pl.String).fill_null(""), is_destroyed=destroys, is_refined=~rejected,
            is_known=pl.lit(False),
        )  # fmt: skip
        return pl.concat([self._wire, new], how="diagonal_relaxed").sort("request", "updated_at")

    @property
    def versions(self) -> pl.DataFrame:
        """Every version so far, with `is_destroyed`, and `is_known`: a poll has shown it."""
        return self._wire


def _keys(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        "request_id", "is_destroyed", "is_refined", updated_at=instant("updated_at"),
        fault=pl.when(pl.col("fault") != "").then("fault"),
    )  # fmt: skip


def _documents(shown: pl.DataFrame, times: np.ndarray, cut: np.ndarray) -> pl.DataFrame:
    bodies = polls.joined(shown.with_columns(text=_request()), len(times))
    counts = np.bincount(shown["poll"].to_numpy(), minlength=len(times))
    polled = pl.DataFrame({"stamp_s": times, "body": bodies, "cut": cut, "rows": (counts + cut).astype(np.int64)})
    body = pl.concat_str(pl.lit("["), "body", pl.lit("]"))
    return polled.select(
        received_s=pl.col("stamp_s") + 2,
        name=pl.concat_str(pl.lit("requests-"), "stamp_s"),
        body=pl.when("cut").then(pl.lit('[{"service_request_id":"SR1",')).otherwise(body).cast(pl.Binary),
        rows="rows",
    )


def _request() -> pl.Expr:
    """A request as Open311 says it: no word of when it was closed."""

    def on(kind: str) -> pl.Expr:
        return pl.col("fault") == kind

    def quoted(value: pl.Expr) -> pl.Expr:
        return pl.concat_str(pl.lit('"'), value, pl.lit('"'))

    code, name = (
        pl.col("service").replace_strict(dict(enumerate(SERVICES[c])), return_dtype=pl.String) for c in ("service_code", "name")
    )
    updated = pl.col("updated_at") + pl.when(on("future")).then(THIRTY_YEARS_S).when(on("out_of_order")).then(
        pl.col("requested_at") - pl.col("updated_at") - 3600
    ).otherwise(0)  # fmt: skip
    lat = pl.when(on("unreadable_number")).then(pl.lit('"n/a"')).otherwise(pl.col("lat").cast(pl.String))
    moment = {
        "requested": stamped("requested_at"),
        "updated": pl.from_epoch(updated, "s").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "expected": stamped("expected_at"),
    }
    expected = pl.when(pl.col("service") % 2 == 0).then(quoted(moment["expected"])).otherwise(pl.lit("null"))
    return pl.concat_str(
        pl.lit('{"service_request_id":'),
        pl.when(on("missing_value")).then(pl.lit("null")).otherwise(quoted(pl.col("request_id"))),
        pl.lit(',"status":"'), "status", pl.lit('","service_name":"'), name, pl.lit('","service_code":"'), code,
        pl.lit('","agency_responsible":null,"requested_datetime":"'), moment["requested"],
        pl.lit('","updated_datetime":"'), moment["updated"],
        pl.lit('","expected_datetime":'), expected,
        pl.lit(',"lat":'), lat, pl.lit(',"long":'), pl.col("lon").cast(pl.String),
        pl.when(on("new_field")).then(pl.lit(',"token":{"kind":"none"}')).otherwise(pl.lit("")), pl.lit("}"),
    )  # fmt: skip


def changes(rng: np.random.Generator, versions: pl.DataFrame, rates: FaultRates) -> Sent:
    """The outer districts' lines about versions, each told once.

    Args:
        versions: those of the time the lines are about.
    """
    rows = versions.with_columns(
        service_code=SERVICES["service_code"].gather(versions["service"]),
        expected_at=promised(versions),
        closed_at=pl.when(pl.col("status") == "closed").then("updated_at"),
        sent_s="updated_at",
        shift_s=pl.lit(0, pl.Int64),
        is_lost=pl.lit(False),
    )
    return worded(rng, wording(), rows, rates)
