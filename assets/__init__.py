"""Polars and DuckDB: landed rows become refined rows, metrics and exports. No wire formats, no Dagster."""
