"""A city with known truth and injected faults. How its feeds are landed does not belong here."""

from pipelines.simulator.faults import KINDS, Fault, FaultRates
from pipelines.simulator.simulation import Simulated, simulate

__all__ = ["KINDS", "Fault", "FaultRates", "Simulated", "simulate"]
