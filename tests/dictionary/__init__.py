"""The data dictionary: its rows, its lineage, its pages."""
