"""How the devices of a feed are judged by day: SQL conditions over the feed's columns, from which the samples are generated.

The verdict of a device is worked out in the metric; no feed is named here.
"""

from dataclasses import dataclass

from schemas.errors import ContractError

VERDICTS = ("good", "silent", "insufficient", "stuck", "chatter", "high_value", "intermittent", "clock", "unit")

GIVEN = ("good", "silent", "clock", "unit")
"""Verdicts that every feed shares: no test of a feed gives them."""

DAYTIME = "hour(local_time) >= threshold('health_window_start_h') AND hour(local_time) < threshold('health_window_end_h')"
DAYTIME_S = "(threshold('health_window_end_h') - threshold('health_window_start_h')) * 3600"
"""The hours in which Caltrans PeMS judges, and their seconds."""


def stamped_ahead(event_time: str) -> str:
    """Condition: the row was received well before the time that it gives."""
    return f"epoch_us({event_time}) - epoch_us(_received_at) > threshold('health_clock_ahead_s') * 1000000"


@dataclass(frozen=True)
class Health:
    """What is looked at to judge a device, as SQL of DuckDB.

    Expressions see the feed's refined columns, those of `rows` where it is given, `d` (the day: `starts_at`, `ends_at`,
    `seconds`), and `device.<column>`: the reference row of the device in force when the day starts.

    Attributes:
        tests: verdict and condition, in the order of the cascade; the first that holds is the verdict. Conditions see the
            device's n, coverage_share, zero_share, high_share, mismatch_share, flow_only_share, constant_share, entropy and
            usual_interval_s. A device that said nothing in its judged hours is silent before any test.
        value: a number of which a stuck device says the same again and again; the entropy is taken of it.
        device: the device's column; by default the first of the key.
        rows: a SELECT that makes the rows to judge, with event_date and the device; by default the feed's refined rows.
        channel: what tells the parts of one device apart that say their own values.
        holds_s: for feeds whose rows say a state: how long a row is believed; it holds until the next, at most so long.
            The usual interval is then the median of those between rows.
        break_s: with `holds_s`: a device that is silent for longer is not expected to speak (out of service): rows are
            expected only between its first and last one, without such breaks. By default `judged_s` of the day.
        interval_s, observed_s: seconds a row covers, and how many of them were measured; by default the contract's interval.
        is_judged: rows that are judged, such as those of some hours.
        judged_s: seconds of the day that are judged.
        is_zero: the row says that nothing was there; NULL where it does not tell.
        is_high: the row says more than can be.
        has_occupancy_only, has_flow_only, has_both: for devices that measure two things of one vehicle.
        is_constant: condition on `length` (rows of one value, not 0, that follow each other), that `value` and `interval_s`.
        is_clock_off: the row shows that the device's clock is wrong.
    """

    tests: tuple[tuple[str, str], ...]
    value: str
    device: str | None = None
    rows: str | None = None
    channel: str = "''"
    holds_s: str | None = None
    break_s: str | None = None
    interval_s: str | None = None
    observed_s: str | None = None
    is_judged: str = "true"
    judged_s: str = "d.seconds"
    is_zero: str = "CAST(NULL AS BOOLEAN)"
    is_high: str = "false"
    has_occupancy_only: str = "CAST(NULL AS BOOLEAN)"
    has_flow_only: str = "CAST(NULL AS BOOLEAN)"
    has_both: str = "false"
    is_constant: str = "false"
    is_clock_off: str = "false"

    def check(self, where: str, columns: list[str], interval: str | None) -> None:
        """Raise ContractError where the declaration cannot be one of a feed with these columns."""
        for verdict, _ in self.tests:
            if verdict not in VERDICTS or verdict in GIVEN:
                known = ", ".join(v for v in VERDICTS if v not in GIVEN)
                raise ContractError(f"{where}, health", f"a test gives {verdict!r}", f"use one of {known}")
        if self.device is not None and self.device not in columns:
            raise ContractError(f"{where}, health", f"its device {self.device} is no column", f"use one of {columns}")
        if not (self.holds_s or self.interval_s or interval):
            raise ContractError(
                f"{where}, health",
                "it does not say how long a row stands for",
                "give holds_s, interval_s or the contract's interval",
            )
