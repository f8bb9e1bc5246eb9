"""Every feed's samples: `<case>.pass.json` lands, `<case>.<code>.fail.json` is refused for just that reason."""

from pathlib import Path

import pytest

from schemas import registry
from schemas.rejection import Code
from tests.landing.driver import Inbox

SAMPLES = Path(__file__).parents[1] / "samples"
FILES = sorted(SAMPLES.glob("*/*.json"))


@pytest.mark.parametrize("sample", FILES, ids=[f"{f.parent.name}-{f.stem}" for f in FILES])
def test_a_sample_is_judged_as_its_name_says(inbox: Inbox, sample: Path) -> None:
    feed, parts = sample.parent.name, sample.name.split(".")
    inbox.put("a.jsonl", " ".join(sample.read_text("utf-8").split("\n")) + "\n")
    inbox.land(feed, uri="a.jsonl", format="json_lines")
    codes = [code for code, _ in inbox.codes(feed)]
    assert (inbox.raw(feed).height, codes) == ((1, []) if parts[-2] == "pass" else (0, [Code(parts[1])]))


def test_every_feed_has_samples_of_both_kinds() -> None:
    assert {f.parent.name for f in FILES} == set(registry.feeds())
    for feed in registry.feeds():
        kinds = {f.name.split(".")[-2] for f in FILES if f.parent.name == feed}
        assert kinds == {"pass", "fail"}
