"""What forensics found, as `citylake doctor feeds` shows it: findings, lines to review, and what could not be judged.

How devices are judged is in `assets.forensics`.
"""

import csv
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assets.forensics import Finding, Judged

SHOWN = ("device", "found", "since", "confidence", "evidence")


def told(judged: "Judged") -> dict[str, Any]:
    """One feed as JSON values; each finding with its line by column, and as CSV."""
    return {
        "feed": judged.feed,
        "reference": judged.table,
        "first_day": judged.days[0] if judged.days else None,
        "last_day": judged.days[-1] if judged.days else None,
        "devices": judged.devices,
        "judged": judged.judged,
        "refused_rows": judged.refused,
        "refused_rows_of_no_known_device": judged.nameless,
        "findings": [
            {
                "device": f.device,
                "what": f.what,
                "found": f.found,
                "evidence": f.evidence,
                "n": f.n,
                "confidence": round(f.confidence, 4),
                "since": f.since,
                "line": f.line,
                "csv": _csv([f.line])[1] if f.line else None,
                "advice": f.advice or None,
            }
            for f in judged.findings
        ],
    }


def show(judged: Sequence["Judged"]) -> None:
    """Print every feed: a table of findings and the lines to review on stdout, what was looked at on stderr."""
    from dagster_project.cli.terminal import clean, print_table, say

    for one in judged:
        if one.findings:
            rows = [
                {"device": f.device, "found": f.found, "since": f.since, "confidence": f"{f.confidence:.0%} of {f.n:,}"}
                | {"evidence": f.evidence}
                for f in one.findings
            ]
            print_table(rows, SHOWN, title=one.feed, wrap=("found", "evidence"))
            _print_lines(one.table or "", one.findings)
        for advice in sorted({f.advice for f in one.findings if f.advice}):
            devices = sorted({f.device for f in one.findings if f.advice == advice})
            some = ", ".join(devices[:5]) + (f" and {len(devices) - 5} more" if len(devices) > 5 else "")
            say(f"[yellow]{clean(some)}[/]: {clean(advice)} Where only they do it, give them a source of their own.")
        say(_looked_at(one))
    count = sum(len(j.findings) for j in judged)
    if count:
        say(f"[yellow]{count} findings. Nothing was changed: review the lines, add them to the reference tables, then run.[/]")
    elif not any(n for j in judged for n in j.judged.values()):
        say("[yellow]Too little data: nothing could be judged.[/]")
    else:
        say("[green]No device seems to report in another unit or by another clock.[/]")


def _looked_at(one: "Judged") -> str:
    """A sentence about what was judged, and what could not be."""
    if not one.days:
        return f"{one.feed}: {'no rows yet.' if one.table else 'no reference table describes its devices.'}"
    text = f"{one.feed}: {one.devices:,} devices, {one.days[0]} to {one.days[-1]}."
    for what, count in one.judged.items():
        if count < one.devices:
            need = "deliveries beside those of three peers" if what == "clock" else "rows, peers or other columns to compare"
            text += f" Too little to judge {what} of {one.devices - count:,}: not enough {need}."
    if one.nameless:
        text += f" {one.nameless:,} of {one.refused:,} refused rows name no device that is known."
    return text


def _print_lines(table: str, findings: Sequence["Finding"]) -> None:
    from dagster_project.cli.terminal import say

    lines = [f.line for f in findings if f.line]
    if lines:
        say(f"To review, and then to add to the file of reference/{table}:")
        sys.stdout.write("\n".join(_csv(lines)) + "\n\n")
        sys.stdout.flush()


def _csv(lines: Sequence[dict[str, object] | None]) -> list[str]:
    """Lines as CSV under a header, each once."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    known = [line for line in lines if line]
    writer.writerow(known[0])
    for values in dict.fromkeys(tuple(line.values()) for line in known):
        writer.writerow(values)
    return out.getvalue().splitlines()
