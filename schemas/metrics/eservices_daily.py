"""A city's own transactions by day: how many, how they ended, how long they took, and how many came in digitally."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, TableRule
from schemas.measure import COVERAGE, NULL_REASON, N, count, ratio, says_why, total
from schemas.publish import Publish

CHANNELS = ("web", "app", "kiosk", "phone", "counter", "post", "unknown")


def _of_channel(name: str) -> Column:
    doc = "transactions whose channel nobody told" if name == "unknown" else f"transactions by {name}"
    return Column(f"{name}_n", "int", doc, nullable=False, minimum=0, roll_up="sum")


CONTRACT = Contract(
    name="eservices_daily",
    layer="metric",
    domain="services",
    version=1,
    doc=(
        "Transactions of one service submitted on one day by people of one district, as far as it is known by now how they "
        "ended: a day is restated as they end. Coverage is the share that has ended; below the threshold the quick ones would "
        "speak for all, and the ratios are empty. Web, app and kiosk are digital. Appointments are counted on the day on which "
        "they are, too, if they were booked at most 183 days before; cancelled ones are left out. amount_cents is what was paid."
    ),
    columns=(
        Column("service", "string", "kind of service", nullable=False, pattern=IDENTIFIER),
        Column("district", "string", "district", nullable=False, pattern=IDENTIFIER),
        N,
        COVERAGE,
        Column(
            "health_share",
            "float",
            "share of completed transactions that say when they were",
            unit="share",
            minimum=0,
            maximum=1,
        ),
        *map(_of_channel, CHANNELS),
        count("ended_n", "transactions that have ended", "count(outcome <> 'pending')"),
        count("completed_n", "of these, completed", "count(outcome = 'completed')"),
        count("rejected_n", "of these, rejected by the city", "count(outcome = 'rejected')"),
        count("abandoned_n", "of these, abandoned by the customer", "count(outcome = 'abandoned')"),
        count("cancelled_n", "of these, cancelled", "count(outcome = 'cancelled')"),
        count("channel_completed_n", "completed transactions whose channel is known", "count(channel <> 'unknown')"),
        count("digital_completed_n", "of these, by a digital channel", "count(channel in web, app, kiosk)"),
        count("timed_n", "completed transactions that say when", "count(completed_at)"),
        total("took_sum_h", "time they took", "h", "sum(completed_at - submitted_at)"),
        Column(
            "amount_cents",
            "int",
            "amount paid by completed payments",
            unit="cents",
            minimum=0,
            formula="sum(amount_cents)",
            roll_up="sum",
        ),
        count("appointment_n", "appointments that were on this day and not cancelled", "count by day of appointment_at"),
        count("attended_n", "of these, attended", "count(outcome = 'completed')"),
        count("no_show_n", "of these, missed by the customer", "count(outcome = 'no_show')"),
        ratio("completion_share", "completion rate", "share", "completed_n / ended_n", 1),
        ratio("took_p50_h", "median time to complete", "h", "50th percentile, linear (Hyndman and Fan type 7)"),
        ratio("took_p90_h", "90th percentile of the time to complete", "h", "90th percentile, linear (Hyndman and Fan type 7)"),
        ratio("digital_share", "digital take-up", "share", "digital_completed_n / channel_completed_n", 1),
        ratio(
            "no_show_share",
            "share of the day's appointments that were missed; empty where no outcome is known",
            "share",
            "no_show_n / (no_show_n + attended_n)",
            1,
        ),
        NULL_REASON,
    ),
    key=("service", "district"),
    lookback_days=183,
    publish=Publish(
        plain=("amount_cents",),
        splits=(
            tuple(f"{c}_n" for c in CHANNELS),
            ("completed_n", "rejected_n", "abandoned_n", "cancelled_n"),
            ("attended_n", "no_show_n"),
        ),
        across=("service", "district"),
    ),
    table_rules=(
        says_why("share", "completion_share", "digital_share"),
        TableRule(
            "channels_add_up",
            "SELECT count(*) FROM this WHERE n <> web_n + app_n + kiosk_n + phone_n + counter_n + post_n + unknown_n",
            "every transaction came by one channel",
            "critical",
        ),
    ),
    sources=(
        "GOV.UK Service Manual, Measuring digital take-up: completed digital transactions over those from all channels, as "
        "archived in 2026",
        "Hyndman, Fan (1996), Sample quantiles in statistical packages, The American Statistician 50(4)",
    ),
)
