"""Metrics tables: one file per table, with unit, formula and source. The SQL is in assets/metrics."""
