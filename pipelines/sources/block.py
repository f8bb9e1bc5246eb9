"""A table of citylake.toml being read: keys are taken by type, and what is left over is refused.

What a source's block says is `declared`; of its columns, `fields`.
"""

from dataclasses import dataclass, field
from typing import Any

from schemas.errors import SettingsError


@dataclass
class Block:
    """A table of the toml being read: takes keys by type and refuses what is left over."""

    where: str
    values: dict[str, Any]
    taken: set[str] = field(default_factory=set)

    def take(self, key: str, kind: type | tuple[type, ...], default: Any = None, allowed: tuple[Any, ...] | None = None) -> Any:
        self.taken.add(key)
        value = self.values.get(key, default)
        if value is default:
            return value
        if not isinstance(value, kind) or (isinstance(value, bool) and kind in (int, float)):
            wanted = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
            raise SettingsError(f"{self.where} {key}", f"{value!r} is a {type(value).__name__}", f"write a {wanted}")
        if allowed and value not in allowed:
            raise SettingsError(f"{self.where} {key}", f"{value!r} is not known", f"use one of {', '.join(map(str, allowed))}")
        return value

    def done(self, known: str = "") -> None:
        left = sorted(set(self.values) - self.taken)
        if left:
            raise SettingsError(
                f"{self.where} {left[0]}", "there is no such setting", f"use one of {known or ', '.join(sorted(self.taken))}"
            )
