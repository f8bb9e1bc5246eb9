"""Units of incoming columns and how they become the lake's own units.

Only arithmetic of units; which column has which unit is said by contracts and sources.
Factors: NIST SP 811 (2008), appendix B.8; the mile is the international mile.
"""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Conversion:
    """value_in_lake_unit = value * factor, times or over the row's interval where said."""

    factor: float
    per_interval: bool = False
    """The incoming value is a rate per hour; multiply by the row's interval in hours."""

    def apply(self, value: pl.Expr, interval_s: pl.Expr) -> pl.Expr:
        """Convert a numeric expression; a null interval gives null where a rate needs it."""
        out = value if self.factor == 1.0 else value * self.factor
        return out * interval_s / 3600.0 if self.per_interval else out


KM_PER_MILE = 1.609344

# lake unit -> incoming unit -> conversion
CONVERSIONS: dict[str, dict[str, Conversion]] = {
    "km/h": {
        "km/h": Conversion(1.0),
        "mph": Conversion(KM_PER_MILE),
        "m/s": Conversion(3.6),
        "knot": Conversion(1.852),
    },
    "share": {
        "share": Conversion(1.0),
        "percent": Conversion(0.01),
        "permille": Conversion(0.001),
    },
    "kWh": {
        "kWh": Conversion(1.0),
        "Wh": Conversion(1e-3),
        "MWh": Conversion(1e3),
        "MJ": Conversion(1 / 3.6),
        "J": Conversion(1 / 3.6e6),
        "W": Conversion(1e-3, per_interval=True),
        "kW": Conversion(1.0, per_interval=True),
        "MW": Conversion(1e3, per_interval=True),
    },
    "veh": {"veh": Conversion(1.0), "veh/h": Conversion(1.0, per_interval=True)},
    "s": {
        "s": Conversion(1.0),
        "ms": Conversion(1e-3),
        "min": Conversion(60.0),
        "h": Conversion(3600.0),
    },
    "m": {"m": Conversion(1.0), "km": Conversion(1e3), "ft": Conversion(0.3048), "mi": Conversion(KM_PER_MILE * 1e3)},
    "deg": {"deg": Conversion(1.0)},
    "W": {"W": Conversion(1.0), "kW": Conversion(1e3), "MW": Conversion(1e6)},
    # shares of volume (ppb) need the gas and its temperature, and have no factor here
    "ug/m3": {"ug/m3": Conversion(1.0), "mg/m3": Conversion(1e3), "ng/m3": Conversion(1e-3)},
    "dB(A)": {"dB(A)": Conversion(1.0)},
}


# what a row may call its unit: UN/CEFACT Recommendation 20 (revision 17) codes, and symbols; case matters in the codes
NAMES: dict[str, tuple[str, ...]] = {
    "km/h": ("KMH", "kmh", "kph"),
    "mph": ("HM", "mi/h"),
    "m/s": ("MTS", "mps"),
    "knot": ("KNT", "kn", "kt"),
    "share": ("C62", "1", "one"),
    "percent": ("P1", "%"),
    "permille": ("NX", "‰"),
    "kWh": ("KWH",),
    "Wh": ("WHR",),
    "MWh": ("MWH",),
    "MJ": ("3B",),
    "J": ("JOU",),
    "W": ("WTT",),
    "kW": ("KWT",),
    "MW": ("MAW",),
    "veh": ("C62", "1", "one", "vehicles", "E50"),
    "veh/h": ("vehicles/h", "vph"),
    "s": ("SEC", "sec"),
    "ms": ("C26",),
    "min": ("MIN",),
    "h": ("HUR", "hr"),
    "m": ("MTR",),
    "km": ("KMT",),
    "ft": ("FOT",),
    "mi": ("SMI",),
    "deg": ("DD", "°"),
    # both letters that are printed as mu
    "ug/m3": ("GQ", "µg/m3", "μg/m3", "µg/m³", "μg/m³", "ug/m³", "ug.m-3"),
    "mg/m3": ("GP", "mg/m³", "mg.m-3"),
    "ng/m3": ("ng/m³",),
    "dB(A)": ("2N", "dBA", "dB", "dB[A]", "db", "decibel"),
}


def called(unit: str) -> list[str]:
    """What rows may call a unit: its name here, its code, its symbols."""
    return [unit, *NAMES.get(unit, ())]


def conversion(lake_unit: str | None, incoming: str | None) -> Conversion | None:
    """The conversion from `incoming` to `lake_unit`, or None where there is none."""
    if incoming is None or incoming == lake_unit:
        return Conversion(1.0)
    return CONVERSIONS.get(lake_unit or "", {}).get(incoming)


def accepted(lake_unit: str | None) -> list[str]:
    """Incoming units that can become `lake_unit`, for messages and documentation."""
    return sorted(CONVERSIONS.get(lake_unit or "", {})) or ([lake_unit] if lake_unit else [])
