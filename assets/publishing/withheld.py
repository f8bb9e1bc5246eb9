"""What of a released row is withheld, as SQL for those who read released tables. What is withheld is worked out in `release`."""

from collections.abc import Collection

from assets.duck import literal
from schemas.stages import RELEASED, SUPPRESSED, WITHHELD_COLUMNS


def row(have: Collection[str]) -> str:
    """Whether the row is withheld, of a table with these columns; never of one that passed no gate."""
    return f"({RELEASED} = {literal(SUPPRESSED)})" if RELEASED in have else "false"


def value(have: Collection[str], names: Collection[str]) -> str:
    """Whether the row is told, but a value of these columns is withheld."""
    if WITHHELD_COLUMNS not in have:
        return "false"
    asked = ", ".join(map(literal, sorted(names)))
    return f"coalesce(list_has_any(string_split({WITHHELD_COLUMNS}, ','), [{asked}]), false)"
