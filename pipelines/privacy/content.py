"""Finds forbidden content in one text, at any depth: JSON, JSON within a string, base64 of JSON. And takes it out of the text.

Few texts come here: `looks` and its patterns let all others pass. Which rows are refused is said by `screen`.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.privacy.images import holds_image, inner_texts
from schemas.privacy import FORBIDDEN, NAMED_NUMBERS, SHORTEST, TEMPLATE_NUMBERS, may_be_template, named, redacted

NESTING = 5
"""How often content may be wrapped in text: JSON in a string, base64 of that, and so on."""
SHOWN = 120
NOTHING = {"", "null", "none", "n/a", "na", "-", "true", "false"}
"""What is written where there is no value."""

_NUMBER = re.compile(r"\s*-?\d[-+0-9.eE]*\s*")
_NUMBERS = re.compile(rf"\[(?:\s*-?\d[-+0-9.eE]*\s*,){{{TEMPLATE_NUMBERS - 1}}}[-+0-9.eE,\s]*\]?")
_BLOB = re.compile(r"[A-Za-z0-9+/_=\\-]{64,}")
_LINES = re.compile(r"[A-Za-z0-9+/_=\\-]{40,}(?:\s+[A-Za-z0-9+/_=\\-]{4,})*")
# name and value in JSON that is broken, in XML, in forms
_SAID = re.compile(r"""([^\W\d][\w.:-]*)["'\\]*\s*(?:=|:|>)\s*["'\\]*([^\s"'<>\\{}\[\],][^"'<>\\]*|[{\[])""")
_REDACTED = re.compile(rf"\[redacted: ({'|'.join(FORBIDDEN)}), \d{{1,12}} characters\]")


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes:
        name: under which it stood.
        characters: how long it is.
        in_field: it was found in a field by itself; where that stands in the row's text is not known.
    """

    kind: str
    name: str | None
    characters: int
    in_field: bool = False

    @property
    def told(self) -> str:
        """What is said instead of it."""
        return redacted(self.kind, self.characters)


def find(text: str, forbids: tuple[str, ...], name: str | None = None) -> Found | None:
    """The first forbidden content of a text: of a row, or of one field called `name`."""
    return next(_of_text(text, name, forbids, NESTING), None)


def without(text: str, forbids: tuple[str, ...], known: Found | None = None) -> str:
    """The text with what is forbidden taken out; all of it, where that cannot be told from the rest."""
    found = find(text, forbids)
    if known is not None and (known.in_field or found is None):
        return redacted(known.kind, len(text))
    if found is None:
        return text
    parsed = _parsed(text)
    try:
        if parsed is not None:
            cleaned = json.dumps(_cleaned(parsed, None, forbids), ensure_ascii=False)
        else:
            cleaned = _LINES.sub(lambda m: _replaced(m[0], forbids), text)
            cleaned = _NUMBERS.sub(lambda m: redacted("biometric", len(m[0])), cleaned) if "biometric" in forbids else cleaned
    except RecursionError:
        cleaned = text
    return redacted(found.kind, len(text)) if cleaned == text or find(cleaned, forbids) else cleaned


class _Members(list):
    """The members of a JSON object, those of one name too."""


def _parsed(text: str) -> Any:
    if text.lstrip("\ufeff \t\r\n")[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text.lstrip("\ufeff"), object_pairs_hook=_Members, parse_int=float)
    except (ValueError, RecursionError):
        return None


def _of_text(text: str, name: str | None, forbids: tuple[str, ...], depth: int) -> Iterator[Found]:
    parsed = _parsed(text)
    if parsed is not None:
        yield from _of_value(parsed, name, forbids, depth)
        return
    short = name[:SHOWN] if name else None
    if "image" in forbids and len(text) >= SHORTEST and holds_image(text):
        yield Found("image", short, len(text))
    is_blob = name is not None and may_be_template(name) and bool(_BLOB.fullmatch(text.strip()))
    if "biometric" in forbids and (is_blob or _NUMBERS.search(text)):
        yield Found("biometric", short, len(text))
    for said, value in _SAID.findall(text):
        kind = named(said)
        if kind in forbids and value.strip().lower() not in NOTHING:
            yield Found(str(kind), said[:SHOWN], len(value))
        if "biometric" in forbids and may_be_template(said) and _BLOB.match(value):
            yield Found("biometric", said[:SHOWN], len(value))
    if depth:
        for inner in inner_texts(text):
            yield from _of_text(inner, name, forbids, depth - 1)


def _of_value(parsed: Any, name: str | None, forbids: tuple[str, ...], depth: int) -> Iterator[Found]:
    """Goes through parsed JSON without recursion: it may nest as deep as it likes."""
    waiting = [(parsed, name)]
    while waiting:
        value, name = waiting.pop()
        kind = _of_leaf(value, name, forbids)
        if kind is not None:
            yield Found(kind, name[:SHOWN] if name else None, _size(value))
        elif isinstance(value, _Members):
            for key, inner in value:
                if len(key) >= SHORTEST and depth:
                    yield from _of_text(key, None, forbids, depth - 1)
                waiting.append((inner, key))
        elif isinstance(value, list):
            waiting += [(inner, name) for inner in value]
        elif isinstance(value, str) and depth and _may_hold(value):
            yield from _of_text(value, name, forbids, depth - 1)


def _may_hold(text: str) -> bool:
    return len(text) >= SHORTEST or text.lstrip()[:1] in ("{", "[")


def _of_leaf(value: Any, name: str | None, forbids: tuple[str, ...]) -> str | None:
    """The kind of forbidden content that a value is by its name, or as numbers."""
    if name is not None and (kind := named(name)) in forbids and _says(value):
        return kind
    if "biometric" not in forbids or not isinstance(value, list):
        return None
    numbers = value
    if isinstance(value, _Members):  # a typed array of JavaScript is written as {"0": 0.1, "1": 0.2}
        if len(value) < TEMPLATE_NUMBERS or not all(k.isdigit() for k, _ in value):
            return None
        numbers = [v for _, v in value]
    enough = NAMED_NUMBERS if name is not None and may_be_template(name) else TEMPLATE_NUMBERS
    return "biometric" if len(numbers) >= enough and all(map(_is_number, numbers)) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, str) and bool(_NUMBER.fullmatch(value)))


def _says(value: Any) -> bool:
    """Whether there is anything in a value but emptiness."""
    if isinstance(value, _Members):
        said = [v for k, v in value if k.lower() not in ("type", "metadata", "@type")]
        return any(map(_says, said))
    if isinstance(value, list):
        return any(map(_says, value))
    if isinstance(value, str):
        return value.strip().lower() not in NOTHING and not _REDACTED.fullmatch(value)
    return isinstance(value, float) and value != 0


def _size(value: Any) -> int:
    try:
        return len(value) if isinstance(value, str) else len(json.dumps(value))
    except RecursionError:
        return 0


def _cleaned(value: Any, name: str | None, forbids: tuple[str, ...]) -> Any:
    kind = _of_leaf(value, name, forbids)
    if kind is not None:
        return redacted(kind, _size(value))
    if isinstance(value, _Members):
        keys = [k if len(k) < SHORTEST else _replaced(k, forbids) for k, _ in value]
        return {shown: _cleaned(v, k, forbids) for shown, (k, v) in zip(keys, value, strict=True)}
    if isinstance(value, list):
        return [_cleaned(v, name, forbids) for v in value]
    if isinstance(value, str) and _may_hold(value):
        return _replaced(value, forbids, name)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _replaced(text: str, forbids: tuple[str, ...], name: str | None = None) -> str:
    found = find(text, forbids, name)
    return text if found is None else redacted(found.kind, len(text))
