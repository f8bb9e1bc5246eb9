"""Messages of live sources go through the same treatment as files."""

import json
from pathlib import Path

import numpy as np

from pipelines import steps
from pipelines.live.lot import gather
from pipelines.live.tap import Messages
from pipelines.sources.declared import parse
from pipelines.sources.files import Limits
from schemas.registry import feed
from tests.landing.driver import AT, Inbox
from tests.privacy.planted import SPELLINGS, picture, where_found
from tests.privacy.test_pseudonyms import CLEAR, FEED, transaction


def test_a_batch_of_messages_is_treated_before_it_is_written(inbox: Inbox) -> None:
    told = SPELLINGS["base64"](picture("jpeg"))
    rows = [transaction(1), transaction(2, photo={"data": told}), transaction(3, service="wizardry"), transaction(4)]
    payloads = [json.dumps(r).encode() for r in rows[:3]] + [json.dumps(rows[3]).encode()[:-5]]
    received = np.full(4, int(AT.timestamp() * 1e6))
    lot = gather("p", 1, "mqtt://x", {"": "id"}, {"": 0}, False, [Messages("", payloads, received)])
    block = {"uri": "mqtt://127.0.0.1:1", "topic": "a/#", "format": "json_lines"}
    landing = steps.Landing(inbox.lake, inbox.city, feed(FEED), parse(feed(FEED), "live", block, inbox.folder), Limits(), (), AT)
    batch = steps.conform(steps.decode(lot, landing), landing)
    assert batch.kept is not None and batch.kept["customer_id"].str.contains("^[0-9a-f]{32}$").all()
    assert batch.faults is not None and sorted(batch.faults["code"]) == ["forbidden_content", "malformed", "not_allowed"]
    steps.write(batch, landing)
    for clear in (CLEAR, told[100:130]):
        assert where_found(Path(inbox.lake.root), clear) == []
