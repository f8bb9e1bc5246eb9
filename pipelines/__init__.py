"""Beam: bytes of any kind become landed Parquet. Metrics and orchestration do not belong here."""
