"""Templates become HTML, values become scripts. All that comes from outside is escaped here.

What a page says is in pages/ and templates/.
"""

import json
import math
from collections.abc import Mapping, Set
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"
ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **context: Any) -> str:
    """A template of templates/ as HTML; values are escaped, and a name that is not given is an error."""
    return _templates().get_template(template).render(**context)


def script(name: str, value: Any) -> str:
    """A script that sets `name` to a value: `fetch` reads nothing from file://, scripts load everywhere.

    Instants and days are written in ISO form, numbers that are not finite as null.
    """
    try:
        text = _json(value)
    except (TypeError, ValueError):  # what JSON has no word for is rare, and looking for it is slow
        text = _json(_plain(value))
    for mark, escaped in ESCAPED.items():
        text = text.replace(mark, escaped)
    return f"{name}={text};\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, Set)):
        return [_plain(v) for v in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _plain(float(value))
    return _plain(value.tolist()) if hasattr(value, "tolist") else str(value)
