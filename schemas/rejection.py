"""The closed list of reasons for which a row is refused.

A new reason is a new line here. Program faults are exceptions, never codes.
"""

from enum import StrEnum


class Code(StrEnum):
    """Why a row is in quarantine, in the order in which a row is judged."""

    UNREADABLE_FILE = "unreadable_file"
    OVER_LIMIT = "over_limit"
    NOT_UTF8 = "not_utf8"
    MALFORMED = "malformed"
    FORBIDDEN_CONTENT = "forbidden_content"
    WRONG_TYPE = "wrong_type"
    NOT_FINITE = "not_finite"
    NO_SUCH_LOCAL_TIME = "no_such_local_time"
    UNKNOWN_UNIT = "unknown_unit"
    MISSING = "missing"
    OUT_OF_RANGE = "out_of_range"
    NOT_ALLOWED = "not_allowed"
    WRONG_FORM = "wrong_form"
    IMPLAUSIBLE_TIME = "implausible_time"
    FROM_FUTURE = "from_future"
    RULE_BROKEN = "rule_broken"


MEANING: dict[Code, str] = {
    Code.UNREADABLE_FILE: "the file, or the rest of it, could not be read",
    Code.OVER_LIMIT: "a line, a nesting or a decompressed file is larger than the settings allow",
    Code.NOT_UTF8: "the bytes are not text in the declared encoding",
    Code.MALFORMED: "the row or document is not of its format: no JSON object, the wrong number of fields, broken XML",
    Code.FORBIDDEN_CONTENT: "the row carries content that must never be stored (redacted)",
    Code.WRONG_TYPE: "a value cannot be read as its column's type",
    Code.NOT_FINITE: "a number is NaN or infinite",
    Code.NO_SUCH_LOCAL_TIME: "a local time that the clocks skipped or repeated and the source does not settle",
    Code.UNKNOWN_UNIT: "the row names a unit that cannot become the column's",
    Code.MISSING: "a required value is absent",
    Code.OUT_OF_RANGE: "a number is outside the column's bounds",
    Code.NOT_ALLOWED: "a value is not in the column's list",
    Code.WRONG_FORM: "a text does not match the column's pattern",
    Code.IMPLAUSIBLE_TIME: "the event time is before the contract's earliest plausible day",
    Code.FROM_FUTURE: "the event time is later than its receipt by more than the contract allows",
    Code.RULE_BROKEN: "a row rule of the contract does not hold",
}
