"""The publish gate: metrics about people become tables from which nobody can be picked out, release after release."""
