"""What `citylake doctor` looks at: each look gives status (ok, warning, fault), what was found and what to do.

Nothing is printed or mended here. Of the lake only a probe file is written, and removed again.
"""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import CitylakeError
from schemas.storage import file_system, is_remote, s3_options

if TYPE_CHECKING:
    from dagster_project.settings import Settings
    from schemas.lake import Lake

GB = 1 << 30
LITTLE_DISK, NO_DISK = 5 * GB, GB // 2
LITTLE_MEMORY = 1 * GB
HALF_S = 3600
PROBE = ".citylake-probe"

Finding = dict[str, str]


def examine(config: Path | None, lake: str | None) -> list[Finding]:
    """Every look, in the order in which a run needs things."""
    from dagster_project.settings import load

    found = [_python(), *_packages(), _memory()]
    try:
        settings = load(config, lake)
    except CitylakeError as error:
        return [*found, _fault("settings", error)]
    found.append(_finding("settings", "ok", f"{settings.path}: {settings.city.name}, {settings.city.zone}"))
    for look in (_disk, _storage, _writable, _half_files, _references, _keys, _sources, _books, _postgres):
        try:
            found += look(settings)
        except CitylakeError as error:
            found.append(_fault(look.__name__.strip("_").replace("_", " "), error))
    return found


def _finding(check: str, status: str, found: str, remedy: str = "") -> Finding:
    return {"check": check, "status": status, "found": found, "remedy": remedy}


def _fault(check: str, error: CitylakeError) -> Finding:
    return _finding(check, "fault", f"{error.where}: {error.found}", error.remedy)


def _python() -> Finding:
    right = sys.version_info >= (3, 11)
    return _finding("python", "ok" if right else "fault", sys.version.split()[0], "" if right else "use Python 3.11 or later")


def _packages() -> Iterator[Finding]:
    """The installed packages against the project's own requirements."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(r) for r in metadata.requires("citylake") or ()]
    except metadata.PackageNotFoundError:
        yield _finding("packages", "warning", "citylake itself is not installed", "pip install -e .")
        return
    wanted = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    wrong = []
    for requirement in wanted:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement} is missing")
        else:
            if not requirement.specifier.contains(version, prereleases=True):
                wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
    yield _finding(
        "packages", "fault" if wrong else "ok", "; ".join(wrong) or f"{len(wanted)} as required", "make venv" if wrong else ""
    )


def _memory() -> Finding:
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        free = next(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    little = free < LITTLE_MEMORY
    return _finding(
        "memory", "warning" if little else "ok", f"{free / GB:.1f} GiB free", "landing takes up to 1 GiB" if little else ""
    )


def _near(root: str) -> Path:
    """The lake's folder, or the nearest one above that is there."""
    path = Path(root)
    return next(p for p in (path, *path.parents) if p.is_dir())


def _disk(settings: "Settings") -> Iterator[Finding]:
    folder = Path.cwd() if is_remote(settings.lake.root) else _near(settings.lake.root)
    free = shutil.disk_usage(folder).free
    status = "fault" if free < NO_DISK else "warning" if free < LITTLE_DISK else "ok"
    yield _finding("disk", status, f"{free / GB:.1f} GiB free at {folder}", "" if status == "ok" else "make room")


def _storage(settings: "Settings") -> Iterator[Finding]:
    """Credentials, where anything is on S3."""
    sources = [*settings.references.values(), *(s for ss in settings.sources.values() for s in ss)]
    uris = [settings.lake.root, *(s.uri for s in sources)]
    if any(map(is_remote, uris)):
        options = s3_options()
        endpoint = options.get("aws_endpoint_url", "AWS")
        if "aws_access_key_id" in options and "aws_secret_access_key" in options:
            yield _finding("s3", "ok", f"credentials are set for {endpoint}, region {options['aws_region']}")
        else:
            yield _finding("s3", "fault", f"no credentials for {endpoint}", "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")


def _writable(settings: "Settings") -> Iterator[Finding]:
    """Read the lake's tables, and write and remove a probe in it."""
    lake = settings.lake
    tables = lake.tables()
    rows = sum(f.rows for layer, name in tables for f in lake.files(layer, name))
    try:
        _probe(lake)
    except OSError as error:
        text = " ".join(str(error).split())[:200]
        yield _finding(
            "lake", "fault", f"{lake.root} cannot be written: {text}", "check its owner and permissions, or the bucket's"
        )
        return
    yield _finding(
        "lake", "ok", f"{lake.root}: {len(tables)} tables, {rows:,} rows" if tables else f"{lake.root}: empty, can be written"
    )


def _probe(lake: "Lake") -> None:
    store, base = file_system(lake.root if is_remote(lake.root) else str(_near(lake.root)))
    path = f"{base}/{PROBE}-{os.getpid()}"
    with store.open_output_stream(path) as out:
        out.write(b"citylake doctor")
    store.delete_file(path)


def _half_files(settings: "Settings") -> Iterator[Finding]:
    """Files that a killed process left half written. No reader sees them."""
    root = Path(settings.lake.root)
    if is_remote(settings.lake.root) or not root.is_dir():
        return
    before = time.time() - HALF_S
    half = [p for p in root.rglob("*.half") if p.stat().st_mtime < before]
    if half:
        text = f"{len(half)} of processes that were killed, {sum(p.stat().st_size for p in half):,} bytes, first {half[0]}"
        yield _finding("half files", "warning", text, "no reader sees them; delete them when nothing runs")


def _references(settings: "Settings") -> Iterator[Finding]:
    loaded = {name for layer, name in settings.lake.tables() if layer == "reference"}
    for name, uri in ((n, r.uri) for n, r in settings.references.items()):
        there = is_remote(uri) or Path(uri).is_file()
        state = "loaded" if name in loaded else "not loaded yet"
        yield _finding(
            f"reference {name}",
            "ok" if there else "fault",
            f"{uri}: {state if there else 'is not there'}",
            "" if there else "correct [reference] in citylake.toml",
        )


def _keys(settings: "Settings") -> Iterator[Finding]:
    """Keys of the pseudonyms of every feed that has a source; no key is shown."""
    from pipelines.privacy.keys import key
    from schemas.privacy import key_name
    from schemas.registry import feed

    needed = {p: name for name, sources in settings.sources.items() if sources for p in feed(name).purposes}
    for purpose, name in sorted(needed.items()):
        try:
            key(purpose)
        except CitylakeError as error:
            yield _finding(f"key of {purpose}", "fault", f"{error.found}; {name} is not landed without it", error.remedy)
        else:
            yield _finding(f"key of {purpose}", "ok", f"{key_name(purpose)}, for {name}")


def _sources(settings: "Settings") -> Iterator[Finding]:
    """How many files each source has, and how many of them are new; whether a live one can be reached."""
    from dagster_project.cli.reach import reached
    from pipelines.sources.plan import plan
    from schemas.registry import feed

    if not any(settings.sources.values()):
        yield _finding("sources", "warning", "no feed has a source", "add [feeds.<feed>.sources.<name>] to citylake.toml")
    for name in settings.sources:
        for source in settings.live_of(name):
            yield _finding(f"{name} from {source.name}", *reached(source))
        for source in settings.files_of(name):
            check = f"{name} from {source.name}"
            try:
                planned = plan(settings.lake, feed(name), source, settings.limits)
            except CitylakeError as error:
                yield _fault(check, error)
                continue
            files = f"{len(planned.todo)} new, {planned.landed} landed"
            if planned.refused:
                first = planned.refused[0]
                yield _finding(
                    check, "fault", f"{files}, {len(planned.refused)} refused, first {first.uri}: {first.found}", first.remedy
                )
            elif not planned.todo and not planned.landed:
                yield _finding(check, "warning", f"no file matches {source.uri}", "put files there, or correct uri")
            else:
                yield _finding(check, "ok", files)


def _books(settings: "Settings") -> Iterator[Finding]:
    from schemas import ledger

    books = ledger.balance(settings.lake).to_dicts()
    off = [line for line in books if line["off_by"]]
    if off:
        yield _finding("books", "fault", f"{len(off)} of {len(books)} lines do not balance", "look with `citylake balance`")
    elif books:
        yield _finding("books", "ok", f"{len(books)} lines balance")


def _postgres(settings: "Settings") -> Iterator[Finding]:
    """Whether the PostgreSQL that the settings export to lets us in; nothing is written."""
    if to := settings.postgres:
        from assets.exports.postgres_session import connected

        with connected(to) as session:
            ((version,),) = session.rows("SELECT current_setting('server_version')")
        yield _finding("postgres", "ok", f"{to.uri}, schema {to.schema}: PostgreSQL {version}")
