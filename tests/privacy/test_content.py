"""What is forbidden content and what only looks like it, in single texts."""

import base64
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.privacy import content, looks
from schemas.privacy import FORBIDDEN, named
from tests.privacy.planted import PICTURES, SPELLINGS, WRAPPINGS, picture

ALL = tuple(FORBIDDEN)
PATTERN = looks.patterns(ALL)
RANDOM = np.random.default_rng(7)


def seen(text: str) -> bool:
    """Whether the fast looks let the text through to the closer one."""
    shown = [looks.shows(text.encode(), ALL, quoted) for quoted in (True, False)]
    return all(shown) and bool(pl.Series([text]).str.contains(PATTERN).item())


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_is_found_however_it_is_written_and_taken_out(kind: str, spelling: str, wrapping: str) -> None:
    told = WRAPPINGS[wrapping](SPELLINGS[spelling](picture(kind)))
    rows = [
        json.dumps({"id": 1, "deep": [{"x": {"y": told}}]}),
        json.dumps({"a": told}).replace("/", "\\/"),
        json.dumps({told: 1}),
        json.dumps({"id": 1, "image": told})[:-2],
    ]
    if "<" not in told:
        rows.append(f"<a><b>{told}</b></a>")
    for row in rows:
        found = content.find(row, ALL)
        assert found is not None and found.kind == "image" and seen(row), row
        cleaned = content.without(row, ALL)
        assert content.find(cleaned, ALL) is None and "[redacted: image, " in cleaned
        assert told[len(told) // 2 :][:16] not in cleaned


TEMPLATES: list[Any] = [
    {"v": [0.25] * 64},
    {"v": list(range(64))},
    {"face": {"embedding": [0.5] * 32}},
    {"descriptor": {str(i): i / 7 for i in range(128)}},
    {"face_template": "AQIDBA=="},
    {"faceDescriptor": list(range(32))},
    {"template": base64.b64encode(bytes(range(90))).decode()},
    {"biometricData": {"type": "Text", "value": "x"}},
]


@pytest.mark.parametrize("told", TEMPLATES, ids=lambda t: next(iter(t)))
def test_a_template_is_found(told: dict) -> None:
    for row in (json.dumps({"a": 1, "deep": [told]}), json.dumps({"a": json.dumps(told)})):
        found = content.find(row, ALL)
        assert found is not None and found.kind == "biometric" and seen(row), row
        assert content.find(content.without(row, ALL), ALL) is None


PLATES = ["plate", "plates", "license_plate", "licencePlate", "LICENSE PLATE", "plateNumber", "vehiclePlateIdentifier"]
PLATES += ["kennzeichen", "plaka", "matricula", "matrícula", "numberPlate", "targa", "Plate ID"]


@pytest.mark.parametrize("name", PLATES)
def test_a_plate_is_found_by_its_name(name: str) -> None:
    for told in ({name: "B-XY 12"}, {name: {"type": "Text", "value": "B-XY 12"}}, {"a": json.dumps({name: 4711})}):
        row = json.dumps({"vehicle": [told]}, ensure_ascii=False)
        found = content.find(row, ALL)
        assert found is not None and found.kind == "plate" and seen(row)
        assert "B-XY 12" not in content.without(row, ALL)
        assert content.find(row, ("image", "biometric")) is None
    assert content.find(json.dumps({name: None, "a": {name: ""}, "b": {name: {"type": "Text", "value": None}}}), ALL) is None
    escaped = json.dumps({name: "B-XY 12"}).replace("a", "\\u0061")
    assert content.find(escaped, ALL) is not None and seen(escaped)


HARMLESS = {
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sha512": RANDOM.bytes(64).hex(),
    "uuids": "550e8400-e29b-41d4-a716-446655440000" * 2,
    "digits": "1" * 80,
    "token": base64.urlsafe_b64encode(RANDOM.bytes(90)).decode(),
    "jwt": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.c2ln",
    "url": "https://example.org/a/b/c/" + "d" * 60,
    "polygon": {"type": "Polygon", "coordinates": [[[13.1 + i / 1000, 52.1] for i in range(100)]]},
    "polygon as text": json.dumps({"type": "Polygon", "coordinates": [[[13.1 + i / 1000, 52.1] for i in range(100)]]}),
    "wkt": "POLYGON((" + ", ".join(f"{i} {i}" for i in range(100)) + "))",
    "posList": " ".join(str(i / 10) for i in range(200)),
    "bbox": [1.0, 2.0, 3.0, 4.0],
    "63 numbers": list(range(63)),
    "embedding": list(range(31)),
    "descriptor": "Loud Music/Party",
    "complaint": "Abandoned vehicle, with license plate, " * 3,
    "surface": "dry",
    "template": "daily report",
    "template_id": "T1",
    "platelets": 5,
    "crc": "424d" + "0f" * 30,
    "text": "BM II* GIF89a is how some files begin, which is no secret at all",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_only_looks_like_it_passes(name: str) -> None:
    row = json.dumps({"id": 1, name: HARMLESS[name]})
    assert content.find(row, ALL) is None and content.without(row, ALL) == row


@given(st.binary(min_size=33, max_size=300))
def test_random_bytes_are_no_picture(data: bytes) -> None:
    for told in (base64.b64encode(b"\x01" + data).decode(), (b"\x01" + data).hex()):
        assert content.find(json.dumps({"signature": told}), ALL) is None


def test_deep_json_is_gone_through_without_recursion() -> None:
    deep = '{"a":' * 900 + json.dumps(SPELLINGS["base64"](picture("png"))) + "}" * 900
    assert content.find(deep, ALL) is not None
    assert content.without(deep, ALL).startswith("[redacted: image, ") or "[redacted: image" in content.without(deep, ALL)


def test_names_are_told_apart() -> None:
    said = {n: named(n) for n in ("surface", "boilerplate", "contemplate", "plateau", "template", "fingerprint", "face_template")}
    assert said == dict.fromkeys(said) | {"face_template": "biometric"}
