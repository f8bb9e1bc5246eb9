"""Transactions of a city's services: payments, certificates, appointments, whatever the channel.

Names, addresses and what a certificate says do not belong in the lake.
"""

from datetime import timedelta

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract, RowRule

CONTRACT = Contract(
    name="eservice_transactions",
    layer="feed",
    domain="services",
    kind="events",
    version=1,
    doc="One transaction, as it was last told; a later row of it tells how it went on.",
    columns=(
        Column("transaction_id", "string", "transaction", nullable=False, pattern=IDENTIFIER),
        Column(
            "service",
            "string",
            "kind of service",
            nullable=False,
            allowed=("tax_payment", "fine_payment", "certificate", "appointment"),
        ),
        Column(
            "channel",
            "string",
            "where it was submitted; web, app and kiosk are digital",
            nullable=False,
            default="unknown",
            allowed=("web", "app", "kiosk", "phone", "counter", "post", "unknown"),
        ),
        Column("submitted_at", "instant", "when it was submitted", nullable=False),
        Column("completed_at", "instant", "when the city had done its part"),
        Column("appointment_at", "instant", "when the appointment is, of appointments"),
        Column(
            "outcome",
            "string",
            "how it ended, as far as it has",
            nullable=False,
            default="pending",
            allowed=("pending", "completed", "rejected", "abandoned", "cancelled", "no_show"),
        ),
        Column("amount_cents", "int", "amount paid, in hundredths of the city's currency", unit="cents", minimum=0),
        Column(
            "customer_id",
            "string",
            "customer, by pseudonym",
            privacy="pseudonymise",
            purpose="eservices",
            pattern=IDENTIFIER,
        ),
        Column("district", "string", "district", nullable=False, pattern=IDENTIFIER, default="unknown"),
    ),
    key=("transaction_id",),
    event_time="submitted_at",
    row_rules=(
        RowRule("completed_after_submitted", "completed_at >= submitted_at", "completed_at is not before submitted_at"),
        RowRule("appointment_has_time", "service = 'appointment' OR appointment_at IS NULL", "only appointments are at a time"),
        RowRule("appointment_missed", "service = 'appointment' OR outcome <> 'no_show'", "only appointments can be missed"),
        RowRule(
            "payment_has_amount",
            "service IN ('tax_payment', 'fine_payment') OR amount_cents IS NULL",
            "only payments have an amount",
        ),
    ),
    late_after=timedelta(days=1),
    retention_days=3650,
    sources=("GOV.UK Service Manual, Measuring digital take-up (channels: digital, and all others)",),
)
