"""Help as plain text, with the commands in groups. Typer's own panels import half of Rich and take 0.2 s longer."""

from typing import Any

from typer.core import TyperGroup


class PlainHelp(TyperGroup):
    """The commands of `citylake`, listed under their headings in the order in which they were added."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section per heading."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                heading = str(getattr(command, "rich_help_panel", None) or "Commands")
                sections.setdefault(heading, []).append((name, command.get_short_help_str(limit=200)))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)
