"""What is expected of a table's partitions: checks projected from its contract and from what the stage adds.

Pure: no data, no engine and no dataset. Running them belongs to `assets.checks`.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from assets.duck import literal, quoted
from schemas.column import Column
from schemas.contract import Contract, Severity

DAY_NUMBER = "(event_date - getvariable('first_day') + 1)"
"""Where a row's day is in the lists of per-day variables, which begin with `first_day`."""
LATE_SHARE = 0.05
"""Share of late rows from which a partition is worth a look; more than half late is a history landed at once, no fault."""


@dataclass(frozen=True)
class Check:
    """One number about a partition, and the bound it has to keep.

    Attributes:
        name: the number's name in the profile.
        measure: SQL aggregate over a day's rows; empty where the one pass cannot tell it.
        broken: SQL condition that is true for a row at fault.
        recount: SQL query over `this`, one day, for the exact number, asked where `measure` is empty or is not 0.
    """

    name: str
    code: str
    column: str | None
    expected: str
    severity: Severity
    measure: str = ""
    broken: str | None = None
    recount: str = ""
    minimum: float | None = None
    maximum: float | None = 0

    def keeps(self, value: float) -> bool:
        """Whether a number is within the bound, both ends included, as the expectation has it."""
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)

    def rows_query(self) -> str | None:
        """The rows that `recount` counts, where it is a plain `SELECT count(*) FROM ...`; else None."""
        import sqlglot  # only a rule that failed needs it
        from sqlglot import exp

        try:
            query = sqlglot.parse_one(self.recount, dialect="duckdb")
        except sqlglot.ParseError:
            return None
        if not isinstance(query, exp.Select) or query.args.get("group") or len(query.selects) != 1:
            return None
        counted = query.selects[0]
        if not isinstance(counted, exp.Count) or not isinstance(counted.this, exp.Star):
            return None
        return query.select("*", append=False).sql(dialect="duckdb")


def checks(contract: Contract, layer: str) -> list[Check]:
    """Every check of a contract's table in a layer, exact over all rows of a partition."""
    out = [
        Check("rows", "empty", None, "at least one row", "warning", "count(*)", minimum=1, maximum=None),
        Check("schema", "schema", None, "every column, with its type", "critical"),
    ]
    for column in contract.stage_columns(layer):
        out += _of_column(column)
    for rule in contract.row_rules:
        out.append(_counting(f"{rule.name}.broken", "rule_broken", None, rule.doc, f"NOT ({rule.condition})"))
    if contract.event_time is not None:
        out += _of_time(contract, layer)
    if layer != "raw":  # repeats are settled, and with them whatever holds for a table, when refining
        out += [_unique(contract, layer), *_of_table(contract)]
    out += [
        Check(f"{c.name}.silent", "silent", c.name, "a value in some row, as on the day before", "warning")
        for c in contract.columns
        if c.nullable and c.kind != "string"  # texts are remarks: an empty one is often good news
    ]
    return out


def _counting(name: str, code: str, column: str | None, expected: str, broken: str) -> Check:
    return Check(name, code, column, expected, "critical", *_counted(broken))


def _counted(broken: str) -> tuple[str, str]:
    """The aggregate that counts the rows at fault, and their condition."""
    return f"count(*) FILTER (WHERE {broken})", broken


def _of_column(column: Column) -> list[Check]:
    name, out = quoted(column.name), []

    def refuse(code: str, expected: str, broken: str) -> None:
        out.append(_counting(f"{column.name}.{code}", code, column.name, expected, broken))

    if not column.nullable:
        refuse("missing", "a value", f"{name} IS NULL")
    if column.kind == "float":
        refuse("not_finite", "a finite number", f"NOT isfinite({name})")
    bounds = [f"{name} {sign} {bound!r}" for sign, bound in (("<", column.minimum), (">", column.maximum)) if bound is not None]
    if bounds:
        low = "-inf" if column.minimum is None else f"{column.minimum:g}"
        high = "inf" if column.maximum is None else f"{column.maximum:g}"
        refuse("out_of_range", f"{low} to {high}", " OR ".join(bounds))
    if column.allowed is not None:
        refuse("not_allowed", "one of " + ", ".join(column.allowed), f"{name} NOT IN ({', '.join(map(literal, column.allowed))})")
    if column.pattern is not None:
        refuse("wrong_form", column.pattern, f"NOT regexp_matches({name}, {literal(column.pattern)})")
    return out


def _of_time(contract: Contract, layer: str) -> list[Check]:
    name = contract.event_time or ""
    event, received = f"epoch_us({quoted(name)})", 'epoch_us("_received_at")'
    length = f" - {quoted(contract.interval)} * 1000000" if contract.interval and contract.stamped == "end" else ""
    starts = "getvariable('day_starts_us')"
    misplaced = f"{event}{length} < {starts}[{DAY_NUMBER}] OR {event}{length} >= {starts}[{DAY_NUMBER} + 1]"
    late_after_us = round(contract.late_after.total_seconds() * 1e6)
    share = f"coalesce(count(*) FILTER (WHERE {received} - {event} > {late_after_us}) / nullif(count(*), 0), 0)"
    out = [
        _counting("event_date.misplaced", "misplaced", "event_date", "the local day in which the row starts", misplaced),
        _counting(
            f"{name}.implausible_time", "implausible_time", name, f"{contract.earliest} or later",
            f"{quoted(name)} < TIMESTAMPTZ '{contract.earliest} 00:00:00+00'",
        ),
        Check(
            "late_share", "late", name, f"at most {LATE_SHARE:g} of the rows late (or most: a history landed at once)", "warning",
            f"CASE WHEN {share} > 0.5 THEN 0.0 ELSE {share} END", f"{received} - {event} > {late_after_us}", maximum=LATE_SHARE,
        ),
    ]  # fmt: skip
    if layer == "raw":  # a clock that is put right when refining may run ahead of the receipt
        ahead_us = round(contract.future_tolerance.total_seconds() * 1e6)
        after = f"at most {contract.future_tolerance} after its receipt"
        out.append(_counting(f"{name}.from_future", "from_future", name, after, f"{event} - {received} > {ahead_us}"))
    return out


def _unique(contract: Contract, layer: str) -> Check:
    """Hashes of equal keys are equal: no repeated hash, no repeated key; where one is, the keys are counted."""
    keys = ", ".join(map(quoted, contract.key_in(layer)))
    groups = f"SELECT {keys} FROM this GROUP BY {keys} HAVING count(*) > 1"
    return Check(
        "key.repeated", "repeated", ", ".join(contract.key_in(layer)), "each key once", "critical",
        f"count(*) - count(DISTINCT hash({keys}))", f"row({keys}) IN (SELECT row({keys}) FROM ({groups}))",
        f"SELECT sum(c - 1) FROM (SELECT count(*) AS c FROM this GROUP BY {keys} HAVING count(*) > 1)",
    )  # fmt: skip


def _of_table(contract: Contract) -> list[Check]:
    out = []
    for rule in contract.table_rules:
        told = (f"{rule.name}.broken", "rule_broken", None, rule.doc, rule.severity)
        row = condition_counted(rule.broken)
        out.append(Check(*told, *_counted(row)) if row else Check(*told, recount=rule.broken))
    return out


@cache
def condition_counted(query: str) -> str | None:
    """The condition of a plain `SELECT count(*) FROM this WHERE ...`, which one pass counts with all others; else None."""
    import sqlglot  # only tables with such rules need it
    from sqlglot import exp

    try:
        parsed = sqlglot.parse_one(query, dialect="duckdb")
    except sqlglot.ParseError:
        return None
    where = parsed.args.get("where")
    if where is None or parsed != exp.select("count(*)", dialect="duckdb").from_("this").where(where.this):
        return None
    beyond_the_row = (exp.Query, exp.Subquery, exp.AggFunc, exp.Window)
    return None if where.find(*beyond_the_row) else str(where.this.sql(dialect="duckdb"))


def profile_suite(contract: Contract, layer: str) -> list[dict[str, Any]]:
    """Expectations over the profile: one row per day, one exact number per check."""
    out = []
    for check in checks(contract, layer):
        kind = "expect_column_max_to_be_between" if check.minimum is None else "expect_column_min_to_be_between"
        bound = {"max_value": check.maximum} if check.minimum is None else {"min_value": check.minimum}
        meta = {"batch": "profile", "check": check.name, "code": check.code, "expected": check.expected}
        out.append({"type": kind, "kwargs": {"column": check.name, **bound}, "severity": check.severity, "meta": meta})
    return out


def sample_suite(contract: Contract, layer: str) -> list[dict[str, Any]]:
    """Expectations over a sample's values, as the contract words them; how many are missing is a number of the profile."""
    out = []
    for column in contract.stage_columns(layer):
        wanted: list[tuple[str, str, dict[str, Any]]] = []
        if column.minimum is not None or column.maximum is not None:
            bounds = {"min_value": column.minimum, "max_value": column.maximum}
            wanted.append(("out_of_range", "expect_column_values_to_be_between", bounds))
        if column.allowed is not None:
            wanted.append(("not_allowed", "expect_column_values_to_be_in_set", {"value_set": list(column.allowed)}))
        if column.pattern is not None:
            wanted.append(("wrong_form", "expect_column_values_to_match_regex", {"regex": column.pattern}))
        for code, kind, more in wanted:
            meta = {"batch": "sample", "check": f"{column.name}.{code}", "code": code, "expected": column.label}
            kwargs = {"column": column.name, **more}
            out.append({"type": kind, "kwargs": kwargs, "severity": "critical", "meta": meta})
    return out
