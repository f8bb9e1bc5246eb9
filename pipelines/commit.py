"""Makes a landing visible: quarantine, then ledger, then raw; raw last, because it says that a file is done.

A landing that is cut short between these is done again to the same end, and each table takes it once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from pipelines.steps import Landing, Written
from schemas import ledger
from schemas.contract import QUARANTINE, arrow
from schemas.lake import Part, Step
from schemas.ledger import Tally


def commit(written: Sequence[Written], landing: Landing) -> list[Step]:
    """Commit what was written, one step per file; returns the steps that this call completed in raw."""
    lake, feed = landing.lake, landing.contract.name
    by_file: dict[str, list[Written]] = {t.file.uri: [] for t in landing.todo}
    for item in written:
        by_file[item.uri].append(item)
    raw, refused, lines = [], [], {}
    for todo in landing.todo:
        mine = by_file[todo.file.uri]
        step = Step(todo.app_id, todo.before, todo.after)
        raw.append(replace(step, parts=tuple(p for w in mine for p in w.raw)))
        refused.append(replace(step, parts=tuple(p for w in mine for p in w.quarantine)))
        lines[todo.app_id] = _by_day([t for w in mine for t in w.tallies], landing, todo.file.uri)

    def booked(due: list[Step]) -> list[Part]:
        # one part for all files: of thousands of files a landing must not make thousands of small parts
        stem = hashlib.sha256("|".join(f"{s.app_id}-{s.after}" for s in due).encode()).hexdigest()[:24]
        return [ledger.write(lake, stem, [t for s in due for t in lines[s.app_id]], landing.at)]

    lake.append("quarantine", feed, arrow(QUARANTINE), refused)
    lake.append("ledger", "", ledger.arrow_schema(), [replace(s, parts=()) for s in raw], booked)
    return lake.append("raw", feed, landing.contract.arrow_schema("raw"), raw)


def _by_day(tallies: Sequence[Tally], landing: Landing, uri: str) -> list[Tally]:
    """One line per day of a file; a file without rows has one line, so that the books show it was seen."""
    out: dict = {}
    for t in tallies:
        sofar = out.get(t.event_date)
        out[t.event_date] = (
            t
            if sofar is None
            else replace(
                sofar,
                **{k: getattr(sofar, k) + getattr(t, k) for k in ("taken", "kept", "rejected", "late", "filtered")},
            )
        )
    empty = Tally("land", landing.contract.name, None, 0, 0, source=uri, contract_version=landing.contract.version)
    return list(out.values()) or [empty]
