"""What landing, building and exporting did, as text and as JSON. Nothing is done or decided here but the exit code."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from dagster_project.settings import Settings
    from dagster_project.way import Built


def check_feeds(settings: "Settings", names: Sequence[str]) -> None:
    """Refuse a feed that is asked for and has no source."""
    from schemas.errors import SettingsError

    for name in names:
        if not settings.files_of(name):
            where = f"{settings.path.name} [feeds.{name}]"
            if settings.live_of(name):
                raise SettingsError(where, "its sources are live", "`citylake stream` lands them")
            raise SettingsError(where, "no source is named for this feed", f"add [feeds.{name}.sources.<name>]")


def leave(refused: bool = False, blocked: bool = False) -> None:
    """Exit 1 where a file was refused or a gate blocks."""
    if refused or blocked:
        raise typer.Exit(1)


def landing(landed: Any) -> dict[str, Any]:
    """One `pipelines.run.Landed` as JSON."""
    return asdict(landed)


def building(built: "Built") -> dict[str, Any]:
    """A build as JSON: what was refined and measured, and the gates that did not pass."""
    return {
        "refined": [asdict(r) for r in built.refined],
        "measured": built.measured,
        "gates": {"asked": len(built.gates), "failed": [_gate(g) for g in built.gates if not g.passed]},
        "blocked": [{"table": t, "event_date": d} for t, d in sorted(built.blocked)],
    }


def exporting(folder: Path, catalog: dict[str, Any]) -> dict[str, Any]:
    """Where the exports are, and what this export let through the publish gate."""
    folder = folder.absolute()
    places = {"folder": str(folder), "duckdb": str(folder / catalog["duckdb"]["file"]), "catalog": str(folder / "catalog.json")}
    return places | {"released": catalog["released"]} | ({"postgres": catalog["postgres"]} if "postgres" in catalog else {})


def print_released(released: Sequence[dict[str, Any]]) -> None:
    """What the publish gate withheld of the metrics that it let through, and what it could not protect."""
    from dagster_project.cli.terminal import console

    withheld = {r["metric"]: r["suppressed"] + r["held"] for r in released if r["suppressed"] + r["held"]}
    if withheld:
        rows, names = sum(withheld.values()), ", ".join(withheld)
        text = f"{rows:,} rows that could tell of single people are withheld or as they were (docs/privacy.md): {names}"
        console().print(text, markup=False, soft_wrap=True, style="dim")
    for one in released:
        if one["exposed"]:
            text = f"{one['metric']}: {one['exposed']:,} withheld counts can be worked out from what earlier releases told"
            console().print(text, markup=False, soft_wrap=True, style="yellow")


def print_landed(landed: Sequence[Any], seconds: float) -> None:
    """A line per source, then every refused file with its reason and what to do."""
    from dagster_project.cli.terminal import clean, console, print_table, say

    keys = ("feed", "source", "files", "known", "taken", "kept", "rejected", "late")
    rows = [{k: getattr(one, k) for k in keys} | {"refused": len(one.refused)} for one in landed]
    if not rows:
        say("No feed has a source; name one in \\[feeds.<name>.sources.<name>].")
        return
    taken = sum(one.taken for one in landed)
    rate = f", {taken / seconds:,.0f} a second" if taken and seconds else ""
    print_table(rows, title=f"Landed {taken:,} rows in {seconds:.1f} s{rate}", marks=lambda r: "red" if r["refused"] else "")
    for one in landed:
        for file in one.refused:
            console(stderr=True).print(
                f"refused: {clean(file.uri)}: {clean(file.found)}; {file.remedy}.", markup=False, style="red", soft_wrap=True
            )


def print_built(built: "Built", seconds: dict[str, float]) -> None:
    """Days refined and measured by table, then every gate that did not pass."""
    from dagster_project.cli.terminal import print_table, say

    by_feed: dict[str, dict[str, Any]] = {}
    for one in built.refined:
        row = by_feed.setdefault(
            one.feed, {"feed": one.feed, "days": 0, "taken": 0, "kept": 0, "rejected": 0, "repeated": 0, "superseded": 0}
        )
        row["days"] += one.changed
        for key in ("taken", "kept", "rejected", "repeated", "superseded"):
            row[key] += getattr(one, key)
    if by_feed:
        print_table(list(by_feed.values()), title=f"Refined in {seconds.get('refining', 0.0):.1f} s")
    measured = [{"metric": m, "days": len(d), "first": min(d), "last": max(d)} for m, d in built.measured.items() if d]
    if measured:
        print_table(measured, title=f"Measured in {seconds.get('measuring', 0.0):.1f} s")
    if not by_feed and not measured:
        say("Every day is already what its input asks for; nothing was built.")
    failed = [g for g in built.gates if not g.passed]
    if built.gates:
        took = f"{seconds.get('gating', 0.0):.1f} s"
        say(f"Gates: {len(built.gates)} asked, {len(failed)} with findings, {len(built.blocked)} blocking, {took}.")
    print_failures(failed)
    print_blocked(built)


def print_blocked(built: "Built") -> None:
    """Each partition that blocks, and what failed in it."""
    from dagster_project.cli.terminal import clean, console

    for gate in (g for g in built.gates if g.blocks):
        table = f"{gate.layer}.{gate.name}"
        failures = [f for f in gate.failed if f["severity"] == "critical" or f.get("error")]
        what = "; ".join(f"{f['check']} found {clean(str(_found(f)), 200)}, expected {f.get('expected')}" for f in failures)
        console(stderr=True).print(
            f"blocked: {table} {gate.day}, {gate.rows:,} rows: {what}. What is made from it was left as it was; "
            f"look with `citylake describe {table}`, mend the source or the contract, then build again.",
            markup=False, style="red", soft_wrap=True,
        )  # fmt: skip


def print_failures(failed: Sequence[Any]) -> None:
    """A line per table and kind of check that failed, over all its days, the critical ones first."""
    from dagster_project.cli.terminal import print_table

    found: dict[tuple[str, str, str], list[tuple[Any, dict[str, Any]]]] = {}
    for gate in failed:
        for one in gate.failed:
            found.setdefault((one["severity"], f"{gate.layer}.{gate.name}", one["code"]), []).append((gate.day, one))
    rows = [
        {
            "severity": severity,
            "table": table,
            "check": code,
            "days": len({day for day, _ in seen}),
            "columns": ", ".join(sorted({one["column"] for _, one in seen if one.get("column")})),
            "expected": seen[0][1].get("expected") or _found(seen[0][1]),
        }
        for (severity, table, code), seen in sorted(found.items())
    ]
    if rows:
        print_table(rows, marks=lambda r: "red" if r["severity"] == "critical" else "yellow", wrap=("columns", "expected"))


def _found(failure: dict[str, Any]) -> Any:
    return f"crashed: {failure['error']}" if failure.get("error") else failure.get("found")


def print_exports(folder: Path, catalog: dict[str, Any]) -> None:
    """Where the exported files are."""
    from dagster_project.cli.terminal import console, near, size

    told = exporting(folder, catalog)
    published = sum(1 for t in catalog["tables"] if t["layer"] == "metrics")
    file = f"citylake.duckdb ({size(catalog['duckdb']['bytes'])})"
    text = f"Exported {published} metrics to {near(told['folder'])}: {file}, parquet/, csv/, places/, catalog.json"
    console().print(text, markup=False, soft_wrap=True)
    if done := catalog.get("postgres"):
        changed = sum(1 for t in done["tables"] if t["rebuilt"] or t["written"] or t["removed"])
        text = f"Exported {changed} changed tables, {done['rows']} rows, to schema {done['schema']} of {done['uri']}"
        console().print(text, markup=False, soft_wrap=True)
    if made := catalog.get("superset"):
        text = f"Wrote {near(made['file'])} for Superset: {made['charts']} charts of {made['datasets']} datasets (docs/superset)"
        console().print(text, markup=False, soft_wrap=True)
    print_released(told["released"])


def _gate(result: Any) -> dict[str, Any]:
    keys = ("layer", "name", "day", "severity", "crashed", "rows", "failed", "sample")
    return {k: getattr(result, k) for k in keys}
