"""Slowly changing reference tables by day: the row of each thing that holds when a day starts, as SQL.

What is read out of the row is the metrics'; what holds at an instant, for alerts, is alarm_reference.
"""

from schemas import registry

BY_DAY = "_by_day"


def view(name: str) -> str | None:
    """The SQL of the view `<reference table>_by_day`, by its name without `views.`; None where there is no such table."""
    table = name.removesuffix(BY_DAY)
    is_one = table != name and "valid_from" in getattr(registry.references().get(table), "key", ())
    return by_day(table) if is_one else None


def by_day(name: str) -> str:
    """The rows of a slowly changing table that hold when a day starts; before the first row of a thing, its first."""
    table = registry.references()[name]
    of = ", ".join(f"r.{k}" for k in table.key if k != "valid_from")
    return f"""SELECT d.event_date, r.*, min(r.valid_from) OVER (PARTITION BY d.event_date, {of}) < d.ends_at AS is_installed
FROM reference.{table.name} AS r
CROSS JOIN days AS d
QUALIFY row_number() OVER (
    PARTITION BY d.event_date, {of}
    ORDER BY r.valid_from <= d.starts_at DESC, abs(us_between(r.valid_from, d.starts_at))
) = 1"""
