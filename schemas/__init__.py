"""What the lake holds: contracts, and the lake itself.

No reading of wire formats, no metrics, no Beam, Dagster or Great Expectations here.
"""
