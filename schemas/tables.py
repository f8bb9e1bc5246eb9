"""Every table a lake can have, by the name a person uses: `layer.name`. Found from the contracts.

What a table holds is not known here (`schemas.lake`), nor how it is shown.
"""

from dataclasses import dataclass

from schemas import ledger
from schemas.column import Column
from schemas.contract import OF_RELEASE, QUARANTINE, Contract
from schemas.registry import feeds, table_contracts

__all__ = ["LEDGER", "Named", "every"]

LEDGER = "ledger.ledger"


@dataclass(frozen=True)
class Named:
    """A table; `contract` is None for quarantine and ledger, `name` empty for the ledger, which is a layer of its own.

    `columns` are what a person asks for; what the publish gate remembers for itself is left out.
    """

    layer: str
    name: str
    doc: str
    columns: tuple[Column, ...]
    contract: Contract | None = None

    @property
    def title(self) -> str:
        """`layer.name`."""
        return f"{self.layer}.{self.name or self.layer}"

    def column(self, name: str) -> Column | None:
        """The column of a name, in any case, as SQL takes it."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)


def every() -> dict[str, Named]:
    """Every table there can be, by `layer.name`."""
    out = {}
    for title, contract in table_contracts().items():
        layer, name = title.split(".", 1)
        out[title] = Named(layer, name, contract.doc, contract.stage_columns(layer), contract)
        if layer == "metrics" and contract.is_gated:
            doc = f"What may be told of {title} outside, as exports tell it: see docs/privacy.md."
            columns = tuple(c for c in contract.stage_columns("published") if c not in OF_RELEASE)
            out[f"published.{name}"] = Named("published", name, doc, columns, contract)
    for name in feeds():
        doc = f"Refused rows of {name}, as they came, with the reason."
        out[f"quarantine.{name}"] = Named("quarantine", name, doc, QUARANTINE)
    out[LEDGER] = Named("ledger", "", "Every line of the books.", ledger.COLUMNS)
    return out
