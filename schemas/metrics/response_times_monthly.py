"""Response times by month, district and priority. What the phases are is said in response_times_daily."""

from dataclasses import replace

from schemas.metrics import response_times_daily
from schemas.publish import Publish

CONTRACT = replace(
    response_times_daily.CONTRACT,
    name="response_times_monthly",
    period="month",
    publish=Publish(across=("district", "priority")),
    doc=(
        "Incidents received in one month in one district with one priority, each counted once, with the unit that arrived first; "
        "as response_times_daily. Numbers and sums are those of the month's days; medians and 90th percentiles are taken of all "
        "incidents of the month, never of the days' percentiles."
    ),
)
