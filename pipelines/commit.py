"""Makes a landing visible: of files quarantine, then ledger, then raw; raw last, because it says that a file is done.

A landing that is cut short between these is done again to the same end, and each table takes it once. A batch of
messages cannot be cut again to the same end: it is noted first, the ledger decides, and `recover` completes it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from functools import cache

from pipelines.live import clock, desk
from pipelines.live.lot import Lot
from pipelines.steps import Landing, Written
from schemas import ledger
from schemas.contract import QUARANTINE, arrow
from schemas.held_lake import HeldLake
from schemas.lake import Lake, Part, Step
from schemas.ledger import Tally
from schemas.notes import file_name


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


@cache
def _held_lake(root: str, _place: str) -> HeldLake:
    """The lake with its tables open, one for each live source of this process: their commits run in threads of their own."""
    return HeldLake(root)


def commit_lot(written: Written, landing: Landing) -> Lot:
    """Commit a batch of messages: a note of its parts, ledger, quarantine, raw.

    Where another process landed some of these messages first, nothing of the batch becomes visible, and its desk says so.
    """
    lot = written.lot
    if lot is None:
        raise AssertionError(f"{written.uri}: a batch without its lot")
    lake = _held_lake(landing.lake.root, landing.place)
    note = f"{_notes(landing.place)}/{lot.stem}"
    parts = {layer: [_told(p) for p in found] for layer, found in (("raw", written.raw), ("quarantine", written.quarantine))}
    lake.notes.write(note, json.dumps({"steps": [(s.app_id, s.before, s.after) for s in lot.steps], **parts}))

    def booked(_: list[Step]) -> list[Part]:
        return [ledger.write(lake, lot.stem, _by_day(written.tallies, landing, written.uri), lot.at)]

    mine = _marks(lot.steps, lot.stem)
    decided = lake.append("ledger", "", ledger.arrow_schema(), lot.steps, booked, together=True, marks=mine)
    # the answer to a commit can be lost, and the commit have been made all the same: then it stands in its own way
    if not decided and lake.landed_up_to("ledger", "", mine) != mine:
        lake.notes.remove(note)
        recover(landing)  # whoever came first may be gone before it was done, and would be in the way for good
        desk.at(lot.place).overtaken.add(lot.number)
        return lot
    _complete(lake, landing, lot.steps, written.raw, written.quarantine)
    lake.notes.remove(note)
    desk.at(lot.place).book(_committed(written, lot, landing))
    return lot


def recover(landing: Landing) -> int:
    """Complete the batches that the ledger has and other tables lack; returns how many there were.

    One of another process may be among them that is about to do so itself: each table takes it once.
    """
    lake, completed = landing.lake, 0
    for name in lake.notes.names(_notes(landing.place)):
        told = json.loads(lake.notes.read(name) or "{}")
        steps = [Step(*s) for s in told.get("steps", ())]
        mark = _marks(steps, name.rpartition("/")[2])
        held = lake.landed_up_to("raw", landing.contract.name, [s.app_id for s in steps])
        if steps and lake.landed_up_to("ledger", "", mark) == mark:
            raw, refused = ([_part(*p) for p in told[layer]] for layer in ("raw", "quarantine"))
            _complete(lake, landing, steps, raw, refused)
            completed += 1
            lake.notes.remove(name)
        elif not steps or any(held[s.app_id] >= s.after for s in steps):
            lake.notes.remove(name)
    return completed


def _marks(steps: Sequence[Step], stem: str) -> dict[str, int]:
    """What the ledger's commit leaves to say which batch it was that moved these sources."""
    number = int.from_bytes(hashlib.sha256(stem.encode()).digest()[:7], "big")
    return {f"batch {s.app_id}": number for s in steps}


def _complete(lake: Lake, landing: Landing, steps: Sequence[Step], raw: Sequence[Part], refused: Sequence[Part]) -> None:
    """What the ledger decided becomes visible; each table takes it once."""
    feed, contract = landing.contract.name, landing.contract
    first, *others = steps
    if refused:
        # quarantine is not written with every batch
        any_before = [replace(s, before=None) for s in (replace(first, parts=tuple(refused)), *others)]
        lake.append("quarantine", feed, arrow(QUARANTINE), any_before, together=True)
    lake.append("raw", feed, contract.arrow_schema("raw"), [replace(first, parts=tuple(raw)), *others], together=True)


def _notes(place: str) -> str:
    return f"steps/{file_name(place)}"


def _told(part: Part) -> list[str | int | None]:
    return [part.path, part.event_date.isoformat() if part.event_date else None, part.rows, part.bytes]


def _part(path: str, day: str | None, rows: int, size: int) -> Part:
    return Part(path, date.fromisoformat(day) if day else None, rows, size)


def _committed(written: Written, lot: Lot, landing: Landing) -> desk.Committed:
    base, now_us = landing.lake.uri("raw", landing.contract.name), clock.now_us()
    counts = {k: sum(getattr(t, k) for t in written.tallies) for k in ("taken", "kept", "rejected", "late")}
    middle = written.event_at
    return desk.Committed(
        feed=landing.contract.name,
        source=landing.source.name,
        uris=tuple(f"{base}/{p.path}" for p in written.raw),
        days=tuple(str(p.event_date) for p in written.raw),
        messages=lot.messages,
        bytes=lot.bytes,
        first_received_us=lot.first_received_us,
        event_us=int(middle.timestamp() * 1e6) if middle else None,
        at_us=now_us,
        seconds=now_us / 1e6 - lot.at.timestamp(),
        **counts,
    )
