"""Every feed's samples: what is named `pass` lands, what is named `<code>.fail` is refused for just that reason.

`<feed>/<case>.pass.json` is one row in the feed's own names; `<feed>/<format>/<case>.pass.<ext>` a document in the
format's own bytes, read by a source block that says no more than `source.toml` beside it. Of a reference table there are
documents alone.
"""

import tomllib
from pathlib import Path

import pytest

from pipelines.formats import kinds
from pipelines.reference import load
from pipelines.sources.declared import of_reference
from schemas import registry
from schemas.errors import SourceError
from schemas.rejection import Code
from tests.landing.driver import Inbox

SAMPLES = Path(__file__).parents[1] / "samples"
ROWS = sorted(SAMPLES.glob("*/*.json"))
FILES = sorted(p for p in SAMPLES.glob("*/*/*") if p.name != "source.toml")
TABLES = [p for p in FILES if p.parents[1].name in registry.references()]
DOCUMENTS = [p for p in FILES if p not in TABLES]


def named(sample: Path) -> str:
    return "-".join(sample.relative_to(SAMPLES).with_suffix("").parts)


@pytest.mark.parametrize("sample", ROWS, ids=map(named, ROWS))
def test_a_row_is_judged_as_its_name_says(inbox: Inbox, sample: Path) -> None:
    feed, parts = sample.parent.name, sample.name.split(".")
    inbox.put("a.jsonl", " ".join(sample.read_text("utf-8").split("\n")) + "\n")
    inbox.land(feed, uri="a.jsonl", format="json_lines")
    codes = [code for code, _ in inbox.codes(feed)]
    assert (inbox.raw(feed).height, codes) == ((1, []) if parts[-2] == "pass" else (0, [Code(parts[1])]))


@pytest.mark.parametrize("sample", DOCUMENTS, ids=map(named, DOCUMENTS))
def test_a_document_is_judged_as_its_name_says(inbox: Inbox, sample: Path) -> None:
    feed, fmt, parts = sample.parents[1].name, sample.parent.name, sample.name.split(".")
    beside = sample.parent / "source.toml"
    block = tomllib.loads(beside.read_text("utf-8")) if beside.exists() else {}
    inbox.put(sample.name, sample.read_bytes())
    inbox.land(feed, uri=sample.name, format=fmt, **block)
    codes = {code for code, _ in inbox.codes(feed)}
    if parts[-2] == "pass":
        assert (inbox.raw(feed).height > 0, codes) == (True, set())
    else:
        assert (inbox.raw(feed).height, codes) == (0, {Code(parts[-3])})
    assert inbox.off_by() == 0


@pytest.mark.parametrize("sample", TABLES, ids=map(named, TABLES))
def test_a_reference_table_is_judged_as_its_name_says(inbox: Inbox, sample: Path) -> None:
    contract, parts = registry.references()[sample.parents[1].name], sample.name.split(".")
    source = of_reference(contract, {"uri": str(sample), "format": sample.parent.name}, inbox.folder)
    if parts[-2] == "pass":
        assert load(inbox.lake, inbox.city, contract, source) > 0
    else:
        with pytest.raises(SourceError, match=Code(parts[-3])):
            load(inbox.lake, inbox.city, contract, source)


def test_every_feed_has_samples_of_both_kinds() -> None:
    assert {f.parent.name for f in ROWS} == set(registry.feeds())
    for feed in registry.feeds():
        assert {f.name.split(".")[-2] for f in ROWS if f.parent.name == feed} == {"pass", "fail"}


def test_every_format_has_samples_of_both_kinds() -> None:
    for fmt in kinds.documents():
        assert {f.name.split(".")[-2] for f in FILES if f.parent.name == fmt} == {"pass", "fail"}, fmt
