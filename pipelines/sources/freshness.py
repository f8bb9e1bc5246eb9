"""How long an HTTP answer asks to be left alone: Retry-After, max-age, and the ttl in its own JSON.

Waiting is not done here. What a server says wrongly counts as 0.
"""

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def retry_after_s(text: str, now_s: float) -> float:
    """Retry-After in seconds: a number or a date; 0 for what is neither."""
    if re.fullmatch(r"\d{1,9}", text.strip()):
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - now_s, 0.0)
    except (ValueError, TypeError, OverflowError):
        return 0.0


def max_age_s(headers: Mapping[str, str]) -> float:
    """How long a cache would still hold the answer: max-age less its age there (RFC 9111, 4.2)."""
    found = re.search(r"(?:^|[,\s])max-age=\"?(\d{1,9})", headers.get("cache-control", "").lower())
    age = re.fullmatch(r"\d{1,9}", headers.get("age", "0").strip())
    return max(float(found[1]) - (float(age[0]) if age else 0.0), 0.0) if found else 0.0


def ttl_s(body: bytes, path: str) -> float:
    """The seconds that a JSON body gives itself; 0 where it does not."""
    try:
        value = json.loads(body)
        for key in path.split("."):
            value = value[key]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return 0.0
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e9 else 0.0
