"""What is there to land: files that the lake does not hold yet, and those it must refuse, each with its reason.

No row is read here; the lake's own transactions tell what is landed.
"""

import hashlib
from dataclasses import dataclass, replace

import polars as pl

from pipelines.sources.files import FileFound, Limits, Split, app_id, cut, find, open_binary
from pipelines.sources.source import OF_SOME, TOLD, Source
from schemas.contract import Contract
from schemas.lake import Lake

TABLES = (("raw", True), ("quarantine", True), ("ledger", False))


@dataclass(frozen=True)
class Todo:
    """A file to land, and the transaction that will say it is done."""

    file: FileFound
    app_id: str
    before: int
    after: int
    splits: tuple[Split, ...]


@dataclass(frozen=True)
class Refusal:
    """A file that is left alone, why, and what to do."""

    uri: str
    found: str
    remedy: str


@dataclass(frozen=True)
class Plan:
    """What a landing of one source will do."""

    todo: tuple[Todo, ...]
    refused: tuple[Refusal, ...]
    landed: int

    @property
    def bytes(self) -> int:
        """Bytes to read, compressed as they are."""
        return sum(s.end - s.start for t in self.todo for s in t.splits)


def plan(lake: Lake, contract: Contract, source: Source, limits: Limits) -> Plan:
    """Compare the source's files with what the lake holds."""
    files = find(source)
    ids = {f.uri: app_id(contract.name, f.uri) for f in files}
    done = {t: lake.landed_up_to(t, contract.name if named else "", ids.values()) for t, named in TABLES}
    todo, refused, landed = [], [], 0
    for file in files:
        seen = {t: done[t][ids[file.uri]] for t, _ in TABLES}
        outcome = _grown(file, seen, limits) if source.append_only else _whole(file, seen)
        if isinstance(outcome, Refusal):
            refused.append(outcome)
        elif outcome is None:
            landed += 1
        else:
            before, after, start, end = outcome
            try:
                splits = tuple(cut(replace(file, size=end), source, limits, start))
            except OSError as error:
                refused.append(Refusal(file.uri, f"it cannot be opened: {error.strerror or error}", "let this user read it"))
                continue
            lacking = _lacking(contract, source, splits)
            if lacking:
                refused.append(Refusal(file.uri, lacking, "correct columns in citylake.toml, or the file"))
            else:
                todo.append(Todo(file, ids[file.uri], before, after, splits))
    return Plan(tuple(todo), tuple(refused), landed)


def fingerprint(file: FileFound) -> int:
    """Size and etag of a file as a transaction's version, never 0."""
    digest = hashlib.sha256(f"{file.size}|{file.etag}".encode()).digest()
    return int.from_bytes(digest[:7], "big") + 1


def _whole(file: FileFound, seen: dict[str, int]) -> tuple[int, int, int, int] | Refusal | None:
    now = fingerprint(file)
    if seen["raw"] == now:
        return None
    if seen["raw"] or any(v not in (0, now) for v in seen.values()):
        return Refusal(
            file.uri,
            f"it changed after it was landed and has {file.size} bytes now",
            "give the new content a new name, or declare append_only = true if the file only grows",
        )
    return 0, now, 0, file.size


def _grown(file: FileFound, seen: dict[str, int], limits: Limits) -> tuple[int, int, int, int] | Refusal | None:
    """Positions are stored plus one, so that an empty file that was landed differs from one never seen."""
    start = max(seen["raw"] - 1, 0)
    # a step that was cut short between its commits is done again to the very same end
    begun = max(seen["quarantine"], seen["ledger"])
    end = begun - 1 if begun > seen["raw"] else _last_line_end(file, limits)
    if file.size < start:
        return Refusal(file.uri, f"it shrank from {start} to {file.size} bytes", "give the new content a new name")
    return None if end + 1 <= seen["raw"] else (seen["raw"], end + 1, start, end)


def _last_line_end(file: FileFound, limits: Limits) -> int:
    """Where the last whole line ends: the rest of a growing file is still being written."""
    with open_binary(file.uri) as handle:
        begin = max(0, file.size - limits.line_bytes)
        handle.seek(begin)
        tail = handle.read(file.size - begin)
    return begin + max(tail.rfind(b"\n"), tail.rfind(b"\r")) + 1


def _lacking(contract: Contract, source: Source, splits: tuple[Split, ...]) -> str:
    """What a file with a header lacks that every row needs; empty where it lacks nothing."""
    header = next((s.header for s in splits if s.header), ())
    if not header:
        return ""
    if source.unpivot:
        absent = [k for k in source.unpivot.keep if k not in header]
        return f"no column {absent[0]!r} to keep; it has {', '.join(header)[:200]}" if absent else ""
    asked = pl.sql_expr(source.where).meta.root_names() if source.where else []
    for name in asked:
        if name not in (*header, *TOLD):
            return f"no column {name!r} for the row filter; it has {', '.join(header)[:200]}"
    for field in source.fields:
        column = contract[field.target]
        absent = [w for w in field.wire if w not in (*header, *TOLD)]
        if field.combine in OF_SOME and len(absent) < len(field.wire):
            continue
        if absent and field.default is None and not column.may_be_absent:
            return f"no column {absent[0]!r} for {column.name}; it has {', '.join(header)[:200]}"
    return ""
