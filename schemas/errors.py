"""The errors a person can mend: each says where, what was found and what to do.

Data faults are not errors: they are rejections (`schemas.rejection`).
"""


class CitylakeError(Exception):
    """A fault with a place, a finding and a remedy.

    Args:
        where: the place, such as ``feed traffic_flow, column mean_speed_kmh``.
        found: what is wrong there.
        remedy: what to do about it.
    """

    def __init__(self, where: str, found: str, remedy: str) -> None:
        super().__init__(where, found, remedy)
        self.where, self.found, self.remedy = where, found, remedy

    def __str__(self) -> str:
        return f"{self.where}: {self.found}; {self.remedy}."


class ContractError(CitylakeError):
    """A contract contradicts itself or its file."""


class SettingsError(CitylakeError):
    """`citylake.toml` or the environment asks for something impossible."""


class SourceError(CitylakeError):
    """A source cannot be read as its block says."""


class LakeError(CitylakeError):
    """The lake's storage refused, or a table is not what its contract says."""
