"""Documents of JSON become rows of text: whatever the envelope, whatever somebody wrote into it."""

import json

import numpy as np
import polars as pl
import pytest

from pipelines.formats.json_documents import entities, lines, pointer, too_deep, types, values
from pipelines.formats.lines import Lines
from tests.formats.decoding import documents


def test_rows_are_numbered_over_the_batch_and_within_their_document() -> None:
    found = entities(documents({"data": [{"a": 1}, {"a": 2}]}, [], {"data": {"a": 3}}, [{"a": 4}]), ("/data", ""))
    assert found.table.select("_position", "document", "place").rows() == [(0, 0, 0), (1, 0, 1), (2, 2, 0), (3, 3, 0)]
    assert values(found.table, {"a": ["/a"]})["a"].to_list() == ["1", "2", "3", "4"]
    assert found.documents.tolist() == [0, 0, 2, 3]
    assert found.faults.height == 0
    assert json.loads(found.whole["line"][0]) == {"data": [{"a": 1}, {"a": 2}]}


def test_a_document_without_the_rows_is_refused_where_it_may_not_be_one_itself() -> None:
    found = entities(documents({"data": []}, {"other": 1}, {"data": 5}, {"data": None}), ("/data",))
    assert found.faults.select("_position", "code", "expected").rows() == [(i, "malformed", "rows at /data") for i in range(3)]
    assert found.documents.tolist() == [1, 2, 3]


def test_a_mark_tells_an_envelope_from_a_row() -> None:
    found = entities(documents({"data": [{"a": 1}]}, {"data": [{"a": 2}], "of": "x"}), ("/data", ""), {"/data": "/of"})
    assert found.table["line"].to_list() == ['{"data":[{"a":1}]}', '{"a":2}']


def test_keys_of_any_characters() -> None:
    key = "a/b~c.\"d' e\\f"
    found = entities(documents({key: [{key: 1}]}), (pointer(key),))
    assert values(found.table, {"v": [pointer(key)]})["v"].to_list() == ["1"]


def test_the_first_value_that_is_there_is_taken_as_text() -> None:
    table = pl.DataFrame({"line": ['{"a":null,"b":{"c":[1,2]}}', '{"a":true}', '{"a":"x","a":"y"}', '{"b":1.50}', "[7]"]})
    assert values(table, {"v": ["/a", "/b/c", "/b", "/0"]})["v"].to_list() == ["[1,2]", "true", "x", "1.5", "7"]
    assert types(table, ["/a", "/b"])["/a"].to_list() == ["NULL", "BOOLEAN", "VARCHAR", None, None]
    assert values(table.clear(), {"v": ["/a"]}).schema == {"v": pl.String}


HOSTILE = [
    (b'{"a":NaN}', "NaN", None),
    (b'{"a":1e999}', "1e999", None),
    (b'{"a":123456789012345678901}', "123456789012345678901", None),
    (b'{"a":"\\u0000"}', "\0", None),
    (b'\xef\xbb\xbf{"a":1}', "1", None),
    (b'{"a":1}{"a":2}', None, "malformed"),
    (b'{"a":"\\ud800"}', None, "malformed"),
    (b'{"a":"\xff"}', None, "not_utf8"),
    (b"", None, "malformed"),
    (b"null", None, "malformed"),
    (b'"text"', None, "malformed"),
    (b'{"a":' * 1001 + b"1" + b"}" * 1001, None, "over_limit"),
    (b"[" * 200_000, None, "over_limit"),
]


@pytest.mark.parametrize(("text", "value", "code"), HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_documents_are_read_or_refused_alone(text: bytes, value: str | None, code: str | None) -> None:
    found = entities(documents({"a": "before"}, text, {"a": "after"}))
    assert found.faults["code"].to_list() == ([code] if code else [])
    expected = ["before", value, "after"] if code is None else ["before", "after"]
    assert values(found.table, {"a": ["/a"]})["a"].to_list() == expected
    shown = found.payloads(pl.Series([1], dtype=pl.Int64)).item()
    assert shown == (text.decode(errors="backslashreplace") if code else shown)


def test_single_byte_encodings_are_read_as_declared() -> None:
    text = '{"a":"Süd"}'.encode("latin-1")
    made = Lines(text, 0, "latin-1")
    made.__dict__["bounds"] = (np.array([0]), np.array([len(text)]))
    assert values(entities(made).table, {"a": ["/a"]})["a"].to_list() == ["Süd"]


def test_depth_is_told_across_stretches_and_not_by_siblings() -> None:
    flat, deep = b"[" + b"[]," * 5000 + b"1]", b"[" * 900 + b'"' + b"x" * 9000 + b'",' + b"[" * 101 + b"]" * 1001
    assert too_deep(documents(flat, deep, deep[:5000])).tolist() == [False, True, False]


def test_lines_keep_what_is_no_json_as_one_line() -> None:
    data, starts, of = lines(documents({"r": [{"a": 1}, 2]}, b"no\njson", {"a": 3}), ("r",))
    assert data == b'{"a":1}\n2\nno json\n{"a":3}\n'
    assert (starts.tolist(), of.tolist()) == ([0, 8, 10, 18], [0, 0, 1, 2])
